//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// behind runs a test over every I/O driver, with layer4 handlers before the pool that make a connection more than a
// socket, which a loop cannot read: a pump in Caddy carries its bytes. Each pool has two servers, and is warm.
func behind(t *testing.T, test func(t *testing.T, d *door, server *pgtest.Server)) {
	for _, d := range []door{
		{name: "proxy_protocol", lines: "proxy_protocol {\nallow 127.0.0.1/32\n}", first: "PROXY TCP4 192.0.2.7 192.0.2.1 4711 6432\r\n"},
		{name: "throttle", lines: "throttle {\nread_bytes_per_second 1000000000\nread_burst_size 65536\n}"},
	} {
		t.Run(d.name, func(t *testing.T) {
			eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
				if direct() {
					t.Skip("Postgres has no layer4")
				}
				d := d
				d.pooler = startPooler(t, driver, server, settings{Pool: "pool_size 2", Before: d.lines})
				a, b := d.enter(t), d.enter(t)
				for _, c := range []*client{a, b} {
					c.query("BEGIN")
				}
				for _, c := range []*client{a, b} {
					c.query("COMMIT")
					c.leave()
				}
				test(t, &d, server)
			})
		})
	}
}

// door is a way into a pooler.
type door struct {
	*pooler
	name  string
	lines string // of the Caddyfile
	first string // what a connection says before the client does
}

// knock connects, and says what comes before the client's own words.
func (d *door) knock(t *testing.T) *client {
	t.Helper()
	c, err := dial(t, d.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c.conn, d.first); err != nil {
		t.Fatal(err)
	}
	return c
}

// enter logs a client in.
func (d *door) enter(t *testing.T) *client {
	t.Helper()
	c := d.knock(t)
	c.say(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters: map[string]string{"user": "app", "database": "app"}})
	mustContain(t, c.hear(1), "AuthenticationOK")
	return c
}

// cancel sends a CancelRequest for the client and waits until it was taken.
func (d *door) cancel(t *testing.T, c *client) {
	t.Helper()
	messenger := d.knock(t)
	messenger.say(&pgproto3.CancelRequest{ProcessID: c.pid, SecretKey: c.secret})
	messenger.hearEnd()
}

// cost is what connections take that are open.
type cost struct{ goroutines, descriptors int }

// awaitNoCost waits until goroutines and descriptors are no more than before.
func (d *door) awaitNoCost(before cost) {
	d.t.Helper()
	eventually(d.t, "all that clients cost is given back", func() error {
		if now := d.cost(); now.goroutines > before.goroutines || now.descriptors > before.descriptors {
			return fmt.Errorf("%+v, before it was %+v", now, before)
		}
		return nil
	})
}

var goroutineTotal = regexp.MustCompile(`^goroutine profile: total (\d+)`)

func (d *door) cost() cost {
	d.t.Helper()
	profile, err := d.get("/debug/pprof/goroutine?debug=1")
	if err != nil {
		d.t.Fatal(err)
	}
	total := goroutineTotal.FindStringSubmatch(profile)
	if total == nil {
		d.t.Fatalf("no goroutine profile: %s", profile)
	}
	n, _ := strconv.Atoi(total[1])
	return cost{goroutines: n, descriptors: d.descriptors()}
}

// settled is the cost once nobody is there any more.
func (d *door) settled() cost {
	d.t.Helper()
	eventually(d.t, "nobody is there", func() error {
		s, err := d.stats()
		if err == nil && s.Clients.Total != 0 {
			err = fmt.Errorf("%d clients", s.Clients.Total)
		}
		return err
	})
	last := d.cost()
	eventually(d.t, "the cost of nobody settles", func() error {
		time.Sleep(50 * time.Millisecond)
		now := d.cost()
		if now != last {
			last = now
			return fmt.Errorf("it is %+v now", now)
		}
		return nil
	})
	return last
}

func TestPumpCarriesMuchBothWays(t *testing.T) {
	const rows, rowBytes = 20_000, 2000 // 40 MB
	behind(t, func(t *testing.T, d *door, _ *pgtest.Server) {
		before := d.settled()
		c := d.enter(t)
		mustContain(t, c.query("SELECT 'through'"), "through")
		c.sendQuery(fmt.Sprintf("SELECT repeat('x', %d) FROM generate_series(1, %d)", rowBytes, rows))
		_ = c.conn.SetReadDeadline(time.Now().Add(patience))
		if n := skipMessages(t, c.conn); n < rows*rowBytes {
			t.Errorf("%d bytes came, want more than %d", n, rows*rowBytes)
		}

		c.query("DROP TABLE IF EXISTS pumped; CREATE UNLOGGED TABLE pumped (t text)")
		c.say(simple("COPY pumped FROM STDIN"))
		c.hearUntil("CopyInResponse", 1)
		row := append(bytes.Repeat([]byte{'x'}, rowBytes-1), '\n')
		for range rows / 10 {
			c.say(&pgproto3.CopyData{Data: bytes.Repeat(row, 10)})
		}
		c.say(copyDone)
		mustContain(t, c.hear(1), fmt.Sprint("COPY ", rows))
		c.sendQuery("COPY pumped TO STDOUT")
		_ = c.conn.SetReadDeadline(time.Now().Add(patience))
		if n := skipMessages(t, c.conn); n < rows*rowBytes {
			t.Errorf("%d bytes were copied out, want more than %d", n, rows*rowBytes)
		}
		mustContain(t, c.query("DROP TABLE pumped"), "DROP TABLE", "CommandComplete")
		c.leave()
		d.awaitNoCost(before)
	})
}

func TestPumpHoldsLittleForASlowReader(t *testing.T) {
	behind(t, func(t *testing.T, d *door, server *pgtest.Server) {
		before := d.settled()
		slow, quick := d.enter(t), d.enter(t)
		quick.query("SELECT 1")
		memory := d.rss()
		slow.sendQuery("SELECT repeat('x', 1000), 'slow' FROM generate_series(1, 100000)")
		running(t, server, "'slow'", true)
		for range 500 {
			mustContain(t, quick.query("SELECT 'quick'"), "quick")
		}
		if grown := d.rss() - memory; grown > memoryBound {
			t.Errorf("a stopped reader of 100 MB costs %d MB of memory", grown>>20)
		}
		running(t, server, "'slow'", true) // held up, not stored
		_ = slow.conn.SetReadDeadline(time.Now().Add(patience))
		if n := skipMessages(t, slow.conn); n < 100_000_000 {
			t.Errorf("%d bytes came", n)
		}
		slow.leave()
		quick.leave()
		d.awaitNoCost(before)
	})
}

func TestPumpAndCancel(t *testing.T) {
	behind(t, func(t *testing.T, d *door, server *pgtest.Server) {
		before := d.settled()
		c := d.enter(t)
		c.say(simple("SELECT pg_sleep(60), 'pumped cancel'"))
		running(t, server, "'pumped cancel'", true)
		d.cancel(t, c)
		mustContain(t, c.hear(1), "57014")
		mustContain(t, c.query("SELECT 'in step'"), "in step")
		c.leave()
		d.awaitNoCost(before)
	})
}

// Half of the clients have bytes on their way to them when they go.
func TestPumpAndClientsThatVanish(t *testing.T) {
	behind(t, func(t *testing.T, d *door, server *pgtest.Server) {
		before := d.settled()
		for range 3 {
			asleep, reading := d.enter(t), d.enter(t)
			asleep.say(simple("SELECT pg_sleep(60), 'vanish asleep'"))
			reading.sendQuery("SELECT repeat('x', 1000), 'vanish reading' FROM generate_series(1, 100000)")
			running(t, server, "'vanish asleep'", true)
			running(t, server, "'vanish reading'", true)
			asleep.vanish()
			reading.vanish()
			running(t, server, "'vanish ", false)
		}
		c := d.enter(t)
		mustContain(t, c.query("SELECT 'served'"), "served")
		c.leave()
		d.awaitNoCost(before)
	})
}
