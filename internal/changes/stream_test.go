package changes

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/login"
)

// Attempts that fail come at longer and longer intervals, up to a bound, and none at the same moment as others'. The log has it once.
func TestAttemptsThatFailBecomeRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{t: t}
		var at []time.Time
		s := &Stream{Sink: l, Log: l.logged, Connect: func(context.Context, string) (net.Conn, error) {
			at = append(at, time.Now())
			return nil, errors.New("nobody is there")
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		s.Run(ctx)
		most := usualMinPause
		for i := 1; i < len(at); i++ {
			if gap := at[i].Sub(at[i-1]); gap < most/2 || gap > most {
				t.Errorf("attempt %d: after %v, not %v to %v", i, gap, most/2, most)
			}
			most = min(2*most, usualMaxPause)
		}
		if n := len(at); n < 120 || n > 250 {
			t.Errorf("there were %d attempts in an hour", n)
		}
		if len(l.log) != 1 || len(l.events) != 0 {
			t.Errorf("the log has %q, and it was told %q", l.log, l.events)
		}
	})
}

func TestWhatIsRefusedHasACure(t *testing.T) {
	for code, cured := range map[string]string{
		insufficientPrivilege: "ALTER ROLE … REPLICATION", tooManyConnections: "max_wal_senders", configurationLimit: "max_replication_slots",
	} {
		for _, err := range []error{&serverError{code, "no"}, &login.ServerError{SQLState: code, Message: "no"}} {
			if got := cure(err); !strings.Contains(got.Error(), cured) || !errors.Is(got, err) {
				t.Errorf("%s: %v", code, got)
			}
		}
	}
	if err := errors.New("no"); cure(err) != err {
		t.Errorf("a cure for nothing: %v", cure(err))
	}
}

func TestAnOldServerIsRefused(t *testing.T) {
	for version, refused := range map[string]bool{"140013": true, "150000": false, "180004": false, "x": true} {
		err := missing("pub", [][]string{{version, "f", "logical", "app", "t", "t"}})
		if (err != nil) != refused {
			t.Errorf("version %s: %v", version, err)
		}
	}
	if missing("pub", nil) == nil {
		t.Error("no answer is taken for a good one")
	}
}

// A target is reached once, and the next is set then; the end of a page is none, unless it has been reached already.
func TestHowFarTheStreamOughtToBe(t *testing.T) {
	const page = 8 << 10
	at := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Second) }
	var p progress
	p.aim(page, at(1))
	if p.isLate(at(100), time.Second) {
		t.Error("it is late for the end of a page")
	}
	p.aim(page+8, at(2))
	p.aim(page+16, at(3))
	if p.isLate(at(3), time.Second) || !p.isLate(at(4), time.Second) {
		t.Error("one second after it was asked for it is not late, or two after it is")
	}
	if _, reached := p.advance(page + 7); reached || p.caughtUp {
		t.Error("it is reached too soon")
	}
	if told, reached := p.advance(page + 8); !reached || !told.Equal(at(2)) || !p.caughtUp || p.isLate(at(100), time.Second) {
		t.Errorf("it is not reached: %v", told)
	}
	p.advance(2 * page)
	p.aim(2*page, at(5))
	if told, reached := p.advance(0); !reached || !told.Equal(at(5)) {
		t.Errorf("the end of a page that has been reached does not count: %v", told)
	}
}
