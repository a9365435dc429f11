//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// memoryBound is what a row of 200 MB, or a reader that has stopped, may add to the program's memory.
const memoryBound = 48 << 20

// hugeRow is a query whose one row is larger than any buffer.
const (
	hugeBytes = 200 << 20
	hugeRow   = "SELECT repeat('x', 200 * 1024 * 1024)"
)

// skipMessages reads messages by their headers and drops them, until a ReadyForQuery, and returns the bytes read.
func skipMessages(t *testing.T, r io.Reader) int {
	t.Helper()
	header := make([]byte, 5)
	total := 0
	for {
		if _, err := io.ReadFull(r, header); err != nil {
			t.Fatalf("after %d bytes: %v", total, err)
		}
		n, err := io.CopyN(io.Discard, r, int64(binary.BigEndian.Uint32(header[1:])-4))
		if err != nil {
			t.Fatalf("in a message, after %d bytes: %v", total, err)
		}
		total += 5 + int(n)
		if header[0] == 'Z' {
			return total
		}
	}
}

// sendQuery sends without reading.
func (c *client) sendQuery(sql string) { c.say(simple(sql)) }

func TestTrap13HugeRowIsStreamed(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		c := connect(t, p.Addr)
		c.query("SELECT 1")
		before := 0
		if !direct() {
			before = p.rss()
		}
		c.sendQuery(hugeRow)
		if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if n := skipMessages(t, c.conn); n < hugeBytes {
			t.Errorf("%d bytes came, want more than %d", n, hugeBytes)
		}
		if !direct() {
			if grown := p.rss() - before; grown > memoryBound {
				t.Errorf("a row of %d MB costs %d MB of memory", hugeBytes>>20, grown>>20)
			}
		}
		mustContain(t, c.query("SELECT 'in step'"), "in step")
	})
}

func TestTrap13ClientLeavesInMidFrame(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		c := connect(t, p.Addr)
		c.sendQuery(hugeRow)
		_ = c.conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.CopyN(io.Discard, c.conn, 1<<20); err != nil {
			t.Fatal(err)
		}
		c.vanish()
		next := connect(t, p.Addr)
		mustContain(t, next.query("SELECT 'served'"), "served")
		if direct() {
			return
		}
		eventually(t, "one server serves the pool", func() error {
			n, err := server.Connections(within(t), "app")
			if err == nil && n > 1 {
				err = fmt.Errorf("%d connections", n)
			}
			return err
		})
	})
}

// Slow readers cost bounded memory and slow only themselves.
func TestSlowReadersCostLittle(t *testing.T) {
	const slow = 8
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: fmt.Sprint("pool_size ", slow+1)})
		quick := connect(t, p.Addr)
		quick.query("SELECT 1")
		before := 0
		if !direct() {
			before = p.rss()
		}
		var readers []*client
		for i := range slow {
			r := connect(t, p.Addr)
			r.sendQuery(fmt.Sprintf("SELECT repeat('x', 1000), 'slow %d' FROM generate_series(1, 50000)", i))
			readers = append(readers, r)
		}
		for range 500 {
			mustContain(t, quick.query("SELECT 'quick'"), "quick")
		}
		if !direct() {
			if grown := p.rss() - before; grown > memoryBound {
				t.Errorf("%d stopped readers of 50 MB each cost %d MB of memory", slow, grown>>20)
			}
		}
		for _, r := range readers {
			_ = r.conn.SetReadDeadline(time.Now().Add(patience))
			if n := skipMessages(t, r.conn); n < 50_000_000 {
				t.Errorf("%d bytes came", n)
			}
		}
	})
}

// The other direction: a server that does not read, because it waits for a lock, while the client sends much.
func TestSlowServerCostsLittle(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		locker, sender := connect(t, p.Addr), connect(t, p.Addr)
		locker.query("DROP TABLE IF EXISTS locked; CREATE UNLOGGED TABLE locked (t text)")
		sender.query("SELECT 1")
		before := 0
		if !direct() {
			before = p.rss()
		}
		locker.query("BEGIN; LOCK TABLE locked")
		done := make(chan error, 1)
		go func() {
			sender.Send(simple("COPY locked FROM STDIN"))
			row := make([]byte, 64<<10)
			for i := range row {
				row[i] = 'x'
			}
			row[len(row)-1] = '\n'
			for range 1600 { // 100 MB
				sender.Send(copyData(string(row)))
				if err := sender.Flush(); err != nil {
					done <- err
					return
				}
			}
			sender.Send(copyDone)
			done <- sender.Flush()
		}()
		time.Sleep(500 * time.Millisecond) // as much as it can send meanwhile
		select {
		case err := <-done:
			t.Errorf("100 MB were taken while the server took nothing (%v)", err)
		default:
		}
		if !direct() {
			if grown := p.rss() - before; grown > memoryBound {
				t.Errorf("a stopped server costs %d MB of memory", grown>>20)
			}
		}
		locker.query("COMMIT")
		mustContain(t, sender.hear(1), "COPY 1600")
		if err := <-done; err != nil {
			t.Error(err)
		}
		locker.query("DROP TABLE locked")
	})
}
