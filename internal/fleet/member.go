package fleet

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/again"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// Member is this process as a member of the fleet that shares one database. Make it with New, then Run.
type Member struct {
	store    querycache.Store
	database string
	sink     Sink
	log      func(level, message, cause string)
	pace     Pace
	id       memberID
	began    time.Time

	mu     sync.Mutex
	tables tables
	seq    uint64 // of the last record

	// shared is how what is shared is called; nil: out of touch.
	shared atomic.Pointer[names]
	// position is up to where the log was read, and what was read has taken effect.
	position atomic.Uint64
	wake     chan struct{} // something was noted
	offers   offers
	fetching chan struct{} // holds one for each Fetch under way

	complained string // of what, as the log has it
}

// Sink is told what the others do. All calls come from the goroutine of Run, one at a time, and the next waits for the last.
type Sink interface {
	// Joined: from now on all is heard that is written by members, and told what is noted by Seats that are taken now. What was before may
	// have been missed.
	Joined()
	// Lost: it may be missed from now on, and nothing that rests on it may be served before Joined. It is called only between Joined and Joined.
	// The Seats are to be closed.
	Lost(err error)
	// Heard is what others have done with a table, without its schema; empty: the whole database. For each OpBegin there is one OpEnd or OpCancel
	// later, for those that are left when touch is lost, after Lost. It may come before Joined.
	Heard(op querycache.Op, table string)
}

// New is a member that is not in touch yet. Log takes what an operator wants to know: level is info, warn or error, cause may be empty.
func New(store querycache.Store, database string, pace Pace, sink Sink, log func(level, message, cause string)) *Member {
	m := &Member{
		store: store, database: database, sink: sink, log: log, pace: pace.filled(), began: time.Now(), tables: newTables(),
		wake: make(chan struct{}, 1), offers: newOffers(), fetching: make(chan struct{}, maxFetches),
	}
	rand.Read(m.id[:]) // never fails: it ends the process instead
	return m
}

// Position is up to where the log was read, and what was read has taken effect.
func (m *Member) Position() uint64 { return m.position.Load() }

// now is the time since the member was made, in nanoseconds, and never 0.
func (m *Member) now() int64 { return int64(time.Since(m.began)) + 1 }

// Run is in touch, or tries to be, until the context ends. When it returns nothing is under way here for the others, if they could be told,
// and nothing of theirs here.
func (m *Member) Run(ctx context.Context) {
	var group sync.WaitGroup
	for range keepers {
		group.Go(func() { m.keepOffers(ctx) })
	}
	defer group.Wait()
	again.Pauses{Min: m.pace.MinPause, Max: m.pace.MaxPause}.Run(ctx, m.live, m.complain)
}

// complain logs why we are out of touch, once until that changes.
func (m *Member) complain(err error) {
	if says := err.Error(); says != m.complained {
		m.complained = says
		m.log("error", "out of touch with those who share the query cache of a database; nothing of it is cached meanwhile", says)
	}
}
