//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/redistest"
)

// TestProcessesShareReplies has two poolers share what they keep: what one has got the other serves, what is written through one ends in both, and
// without Redis nothing is cached and everything works.
func TestProcessesShareReplies(t *testing.T) {
	if direct() {
		t.Skip("a cache of ours")
	}
	redis, server := redistest.Start(t), pgtest.Start(t, commonOptions(versions()[0]))
	conn := cachedValues(t, server, "shared")
	pool := settings{Pool: "pool_size 5\nquery_cache {\n\tttl 10m\n\tstore redis " + redis.Address + "\n}"}
	one, other := startPooler(t, drivers()[0], server, pool), startPooler(t, drivers()[0], server, pool)
	a, b := connect(t, one.Addr), connect(t, other.Addr)
	const ask = "SELECT v FROM shared WHERE k = 'a'"
	one.hit(t, func() { a.query(ask) })
	other.hit(t, func() { b.query(ask) })

	for want := 100; want < 120; want++ {
		a.query(fmt.Sprintf("UPDATE shared SET v = %d WHERE k = 'a'", want))
		if got := a.value(ask); got != fmt.Sprint(want) {
			t.Fatalf("%s is served by the process that has written %d", got, want)
		}
		eventually(t, "what was written through another process", func() error {
			if got := b.value(ask); got != fmt.Sprint(want) {
				return fmt.Errorf("%s is served, and %d is true", got, want)
			}
			return nil
		})
	}

	// What one keeps the other serves, though Postgres does not answer.
	kept := false
	for try := 0; try < 30 && !kept; try++ { // who gets no answer from Redis in a moment asks Postgres
		want := fmt.Sprint(200 + try) // anew: what b has asked for itself proves nothing
		b.query("UPDATE shared SET v = " + want + " WHERE k = 'a'")
		eventually(t, "what was written through another process", func() error {
			if got := a.value(ask); got != want {
				return fmt.Errorf("%s is served", got)
			}
			return nil
		})
		one.hit(t, func() { a.query(ask) })
		if err := server.Pause(); err != nil {
			t.Fatal(err)
		}
		answered := make(chan string, 1)
		go func() { answered <- b.value(ask) }()
		var got string
		select {
		case got = <-answered:
			kept = true
		case <-time.After(2 * time.Second):
		}
		if err := server.Resume(); err != nil {
			t.Fatal(err)
		}
		if !kept {
			got = <-answered
		}
		if got != want {
			t.Errorf("%s is served, want %s", got, want)
		}
	}
	if !kept {
		t.Error("what one process keeps the other does not serve")
	}

	// Without Redis nothing is cached, and everything is true.
	redis.Kill()
	eventually(t, "the cache to be off", func() error {
		if f := other.cacheFigures(t); !strings.HasPrefix(f.State, "off") {
			return fmt.Errorf("%+v", f)
		}
		b.query(ask)
		return nil
	})
	if _, err := conn.Exec(within(t), "UPDATE shared SET v = 8 WHERE k = 'a'"); err != nil {
		t.Fatal(err)
	}
	if got := b.value(ask); got != "8" {
		t.Errorf("%s is served", got)
	}
	redis.StartAgain()
	one.hit(t, func() { a.query(ask) })
	other.hit(t, func() { b.query(ask) })

	// A process that ends says so: nobody waits for it. One that is killed may have been writing.
	one.stop()
	for range 7 {
		time.Sleep(time.Second)
		other.hit(t, func() { b.query(ask) })
	}
}
