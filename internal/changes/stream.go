package changes

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/again"
)

// Stream follows what is written in one database. Set the fields, then Run.
type Stream struct {
	// Connect logs in to the primary, to the database whose changes are wanted. Replication is the parameter of that name of the
	// StartupMessage: "database" for the stream, empty for the questions. There is nothing unread, and no deadline. When another server
	// becomes the primary, end Run and run anew: the one that is followed may not know it.
	Connect func(ctx context.Context, replication string) (net.Conn, error)
	// Publication is the name of the publication whose tables are followed. It is never made or changed here.
	Publication string
	// Sink is told.
	Sink Sink
	// Log takes what an operator wants to know: level is info, warn or error, cause may be empty. Nil: nobody is told.
	Log func(level, message, cause string)

	// Interval is how often the server is asked whether it is still there; 0: 1s.
	Interval time.Duration
	// Patience is how long it may take to answer, and to tell what has been committed; 0: 5s.
	Patience time.Duration
	// Again is how often the tables of the publication are asked for; 0: 45s.
	Again time.Duration
	// MinPause and MaxPause bound the pause before a new attempt, which doubles while attempts fail; 0: 500ms and 30s.
	MinPause, MaxPause time.Duration

	mu         sync.Mutex
	lsn        uint64
	at         time.Time
	complained string // of what, as the log has it
}

// Sink is told what is written. All calls come from the goroutine of Run, one at a time, and the next waits for the last.
type Sink interface {
	// Follows: from now on every change of these tables is told, and what is read from now on shows what was not. They are names without
	// schemas, sorted, each once; a table that is not among them cannot be cached. It is called again when the set has changed: what is
	// no more among them counts as changed, and is not followed any more.
	Follows(published []string)
	// Changed names the tables of one committed transaction, without schemas, sorted, each once; nil: any table may have changed. It may
	// also come before Follows, and name tables that are not followed. From now on nothing holds that was read from them, until Visible:
	// whoever reads them meanwhile may see what was before.
	Changed(tables []string, committed time.Time)
	// Visible: whoever reads from now on sees a transaction that Changed has told. For each Changed there is one Visible with the same
	// tables, not always in the same order; for those that are left when the stream is lost, after Lost.
	Visible(tables []string)
	// Lost: changes may be missed from now on, and nothing may be served before Follows. It is called only between Follows and Follows.
	Lost(err error)
}

const (
	usualInterval = time.Second
	usualPatience = 5 * time.Second
	usualAgain    = 45 * time.Second
	usualMinPause = 500 * time.Millisecond
	usualMaxPause = 30 * time.Second
)

// Run follows until the context ends. When it returns every connection is closed, and the Sink has been told that the stream is lost.
func (s *Stream) Run(ctx context.Context) {
	s.fillIn()
	again.Pauses{Min: s.MinPause, Max: s.MaxPause}.Run(ctx, s.follow, s.complain)
}

// fillIn puts defaults where there is nothing.
func (s *Stream) fillIn() {
	for _, f := range []struct {
		field *time.Duration
		usual time.Duration
	}{
		{&s.Interval, usualInterval}, {&s.Patience, usualPatience}, {&s.Again, usualAgain},
		{&s.MinPause, usualMinPause}, {&s.MaxPause, usualMaxPause},
	} {
		if *f.field <= 0 {
			*f.field = f.usual
		}
	}
	if s.Log == nil {
		s.Log = func(string, string, string) {}
	}
}

// Seen is how far the stream is: everything that was on the primary's disk at that time has been told, up to the position and maybe more.
// Zero: nothing yet. While it follows, at is no more than Interval and Patience ago; where nothing is committed it may stand still for some
// seconds more. It may be called by anybody at any time.
func (s *Stream) Seen() (lsn uint64, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lsn, s.at
}

func (s *Stream) see(lsn uint64, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lsn, s.at = lsn, at
}

// complain logs why there is no stream, once until that changes.
func (s *Stream) complain(err error) {
	if says := err.Error(); says != s.complained {
		s.complained = says
		s.Log("error", "the changes of a database are not followed, and nothing of it is cached", says)
	}
}

// errEnded is what Lost is told when the context of Run has ended.
var errEnded = errors.New("the stream has been ended")
