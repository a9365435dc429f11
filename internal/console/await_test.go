package console

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// given waits until the nth order has been given.
func given(t *testing.T, w *fakeWorld, n int) *fakeProgress {
	t.Helper()
	return eventually(t, func() (*fakeProgress, error) { return w.last(n) })
}

func abandoned(t *testing.T, p *fakeProgress) {
	t.Helper()
	eventually(t, func() (any, error) {
		if !p.wasAbandoned() {
			return nil, errors.New("the order has not been abandoned")
		}
		return nil, nil
	})
}

func TestPauseReturnsWhenItIsDone(t *testing.T) {
	w := newFakeWorld()
	c := talk(t, w, new(Shared), true)
	c.say(&pgproto3.Query{String: "PAUSE"}, &pgproto3.Query{String: "SHOW VERSION"})
	close(given(t, w, 1).done)
	if answer := c.hear(); answer != "CommandComplete PAUSE\nReadyForQuery I" {
		t.Error(answer)
	}
	if answer := c.hear(); !strings.Contains(answer, "DataRow PgBouncer") {
		t.Errorf("what was said meanwhile got\n%s", answer)
	}
	if w.progress[0].wasAbandoned() {
		t.Error("the pause was taken back")
	}
}

func TestPauseIsTakenBack(t *testing.T) {
	for _, leave := range []struct {
		name string
		how  func(*talker)
	}{
		{"its console breaks", func(c *talker) { c.conn.Close() }},
		{"its console says goodbye", func(c *talker) { c.say(&pgproto3.Terminate{}) }},
		{"the pooler ends", func(c *talker) {
			c.end()
			if answer := c.hear(); answer != "ErrorResponse FATAL 57P01 terminating connection due to administrator command\n(end)" {
				t.Error(answer)
			}
		}},
		{"it is cancelled", func(c *talker) {
			c.cancel <- struct{}{}
			if answer := c.hear(); answer != "ErrorResponse ERROR 57014 canceling PAUSE due to user request\nReadyForQuery I" {
				t.Error(answer)
			}
			if answer := c.ask("SHOW STATE"); !strings.Contains(answer, "CommandComplete SHOW") {
				t.Errorf("the session does not go on: %s", answer)
			}
		}},
	} {
		t.Run(leave.name, func(t *testing.T) {
			w := newFakeWorld()
			c := talk(t, w, new(Shared), true)
			c.say(&pgproto3.Query{String: "PAUSE shop"})
			p := given(t, w, 1)
			leave.how(c)
			abandoned(t, p)
		})
	}
}

func TestAPauseThatAResumeEnds(t *testing.T) {
	w := newFakeWorld()
	c := talk(t, w, new(Shared), true)
	c.say(&pgproto3.Query{String: "PAUSE"})
	p := given(t, w, 1)
	p.mu.Lock()
	p.undone = true
	p.mu.Unlock()
	close(p.done)
	if answer := c.hear(); !strings.HasPrefix(answer, "ErrorResponse ERROR 57014 PAUSE was ended by a RESUME") {
		t.Error(answer)
	}
}

func TestACancelOfBeforeDoesNotEndAPause(t *testing.T) {
	w := newFakeWorld()
	c := talk(t, w, new(Shared), true)
	c.cancel <- struct{}{}
	c.say(&pgproto3.Query{String: "PAUSE"})
	close(given(t, w, 1).done)
	if answer := c.hear(); !strings.HasPrefix(answer, "CommandComplete PAUSE") {
		t.Error(answer)
	}
}

func TestWaitCloseWaitsForReconnectsOfOthers(t *testing.T) {
	w, shared := newFakeWorld(), new(Shared)
	w.gone(closing)
	one, other := talk(t, w, shared, true), talk(t, w, shared, true)
	one.ask("RECONNECT shop")
	one.ask("RECONNECT ledger")
	if answer := other.ask("WAIT_CLOSE archive"); !strings.HasPrefix(answer, "CommandComplete WAIT_CLOSE") {
		t.Errorf("of a database that does not reconnect: %s", answer)
	}
	other.say(&pgproto3.Query{String: "WAIT_CLOSE"})
	close(given(t, w, 1).done)
	close(given(t, w, 2).done)
	if answer := other.hear(); !strings.HasPrefix(answer, "CommandComplete WAIT_CLOSE") {
		t.Error(answer)
	}
}

func TestReconnectsThatAreForgotten(t *testing.T) {
	shared := new(Shared)
	for i := range maxReconnects + 1 {
		shared.remember(engine.Target{Pool: string(rune('a' + i))}, &fakeProgress{done: make(chan struct{})})
	}
	if n := len(shared.of(engine.Target{})); n != maxReconnects {
		t.Errorf("%d are remembered, not %d", n, maxReconnects)
	}
	if shared.of(engine.Target{Pool: "a"}) != nil {
		t.Error("the longest remembered is not the one that was forgotten")
	}
	last := engine.Target{Pool: string(rune('a' + maxReconnects))}
	shared.remember(last, &fakeProgress{done: make(chan struct{})})
	if n := len(shared.of(last)); n != 1 {
		t.Errorf("a RECONNECT is waited for %d times", n)
	}
}

func TestOrdersThatAreRefused(t *testing.T) {
	w := newFakeWorld()
	w.refused = &engine.Refusal{SQLState: "54000", Message: "too many orders stand"}
	c := talk(t, w, new(Shared), true)
	if answer := c.ask("PAUSE shop"); answer != "ErrorResponse ERROR 54000 too many orders stand\nReadyForQuery I" {
		t.Error(answer)
	}
}

func TestNamesThatNobodyKnows(t *testing.T) {
	w := newFakeWorld()
	c := talk(t, onlyOrders{w}, new(Shared), true)
	if answer := c.ask("PAUSE nowhere"); !strings.HasPrefix(answer, "ErrorResponse ERROR 3D000 no such database: nowhere") {
		t.Error(answer)
	}
	if told := w.heard(); strings.Contains(told, "order") {
		t.Error(told)
	}
}

// onlyOrders has no pool that lets any database be asked for.
type onlyOrders struct{ *fakeWorld }

func (w onlyOrders) Pools() []Pool { return w.fakeWorld.Pools()[1:] }
