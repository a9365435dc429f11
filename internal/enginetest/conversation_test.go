//go:build linux

package enginetest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// conversations is the suite. Each has a pool of its own, of so many servers; the last is the end of the engine.
var conversations = []struct {
	name string
	size int
	hold func(*world)
}{
	{"LoginAndQuery", 1, loginAndQuery},
	{"EachGetsItsOwnReplies", 1, ownReplies},
	{"PipelinedQueries", 1, pipelined},
	{"PreparedOnTwoServers", 2, preparedOnTwoServers},
	{"TransactionKeepsItsServer", 2, transactionKeepsServer},
	{"WaitersInTheirOrder", 1, waitersInOrder},
	{"QueryWaitTimeout", 1, queryWaitTimeout},
	{"CancelOfAQuery", 1, cancelQuery},
	{"CancelOfAWait", 1, cancelWait},
	{"ClientsVanish", 1, clientsVanish},
	{"ServerDiesInAQuery", 1, serverDies},
	{"LargeResultToASlowReader", 1, largeResult},
	{"CopyIn", 1, copyIn},
	{"OneServerForAllShards", 1, oneServer},
	{"Drain", 2, drain},
}

// TestConversations holds every conversation over every driver.
func TestConversations(t *testing.T) {
	if r, w, err := os.Pipe(); err == nil { // the runtime opens some descriptors of its own with the first that can be waited for
		r.Close()
		w.Close()
	}
	for _, s := range stages {
		for shards := 1; shards <= 2; shards++ {
			t.Run(fmt.Sprintf("%s/%d", s.name, shards), func(t *testing.T) {
				w := newWorld(t, s.open(), shards)
				for _, c := range conversations {
					t.Run(c.name, func(t *testing.T) {
						w.begin(t, c.size)
						c.hold(w)
					})
				}
			})
		}
	}
}

func loginAndQuery(w *world) {
	a := w.login("a")
	a.says("select a")
	a.hears("row select a", "SELECT 1", "ready I")
}

// Clients that share a server hear what they asked, and nothing else.
func ownReplies(w *world) {
	clients := w.logins(8)
	const each = 20
	for i := range each {
		for _, c := range clients {
			c.says(fmt.Sprintf("%s %d", c.name, i))
		}
	}
	for _, c := range clients {
		for i := range each {
			c.hears(fmt.Sprintf("row %s %d", c.name, i), "SELECT 1", "ready I")
		}
	}
	w.servedBy(1)
}

func pipelined(w *world) {
	a := w.login("a")
	var words []string
	for i := range 200 {
		a.says(fmt.Sprintf("select %d", i))
		words = append(words, fmt.Sprintf("row select %d", i), "SELECT 1", "ready I")
	}
	a.hears(words...)
}

// What a client has prepared is there on whichever server it gets.
func preparedOnTwoServers(w *world) {
	a, b, c := w.login("a"), w.login("b"), w.login("c")
	a.says("Parse: s who", "Bind: s", "Execute:", "Sync:")
	a.hears("1", "2", "row 1", "SELECT 1", "ready I")
	// b and c take both servers; the one that does not have a's first gives its own back.
	b.asks("begin")
	c.asks("begin")
	keeps, other := b, c
	if b.asks("who") != "1" {
		keeps, other = c, b
	}
	second := other.asks("who")
	other.asks("commit")
	a.says("Bind: s", "Execute:", "Sync:")
	a.hears("2", "row "+second, "SELECT 1", "ready I")
	if second == "1" {
		w.Fatal("both transactions are on one server")
	}
	keeps.asks("commit")
	w.servedBy(2)
}

func transactionKeepsServer(w *world) {
	a, b := w.login("a"), w.login("b")
	a.says("begin")
	a.hears("BEGIN", "ready T")
	mine := a.asks("who")
	for range 20 {
		if b.asks("who") == mine {
			w.Fatal("b is served by the server of a's transaction")
		}
		if a.asks("who") != mine {
			w.Fatal("a's transaction has moved")
		}
	}
	a.says("commit")
	a.hears("COMMIT", "ready I")
}

// Clients that wait are served in their order, on each shard.
func waitersInOrder(w *world) {
	a := w.login("a")
	a.asks("begin")
	clients := w.logins(6)
	for i, c := range clients {
		c.says("select " + c.name)
		w.waits(i + 1)
	}
	a.asks("commit")
	for _, c := range clients {
		c.hears("row select "+c.name, "SELECT 1", "ready I")
	}
	for shard := range uint32(w.engine.Shards()) {
		var came, served []string
		for _, c := range clients {
			if c.shard() == shard {
				came = append(came, "select "+c.name)
			}
		}
		for _, q := range w.processes[0].queries {
			if slices.Contains(came, q) {
				served = append(served, q)
			}
		}
		if !slices.Equal(came, served) {
			w.Fatalf("on shard %d came %q, and were served %q", shard, came, served)
		}
	}
	w.servedBy(1)
}

// A wait that is too long ends with one error and one ReadyForQuery, and the client goes on.
func queryWaitTimeout(w *world) {
	a, b := w.login("a"), w.login("b")
	a.asks("begin")
	w.configure(func(p *engine.PoolConfig) { p.QueryWaitTimeout = 30 * time.Millisecond })
	b.says("select b")
	b.hears("ERROR 08006", "ready I")
	b.says("Parse: s select b", "Bind: s", "Execute:", "Sync:")
	b.hears("ERROR 08006", "ready I")
	w.configure(func(p *engine.PoolConfig) { p.QueryWaitTimeout = 0 })
	a.asks("commit")
	b.says("select b again")
	b.hears("row select b again", "SELECT 1", "ready I")
}

func cancelQuery(w *world) {
	a := w.login("a")
	a.says("hang")
	w.until("the query runs", func() bool { return w.processes[0].hanging })
	a.engine.Cancel(a.pid, []byte("nope"))
	a.cancel()
	a.hears("ERROR 57014", "ready I")
	a.says("select a")
	a.hears("row select a", "SELECT 1", "ready I")
	w.servedBy(1)
}

func cancelWait(w *world) {
	a, b := w.login("a"), w.login("b")
	a.asks("begin")
	b.says("select b")
	w.waits(1)
	b.cancel()
	b.hears("ERROR 57014", "ready I")
	a.asks("commit")
	b.says("select b again")
	b.hears("row select b again", "SELECT 1", "ready I")
	if slices.Contains(w.processes[0].queries, "select b") {
		w.Fatal("the query that was cancelled in its wait has run")
	}
}

// What clients leave behind is cancelled and rolled back, and their server serves the next.
func clientsVanish(w *world) {
	s := func() *server { return w.processes[0] }
	a, b, c, d := w.login("a"), w.login("b"), w.login("c"), w.login("d")
	a.says("hang")
	w.until("the query runs", func() bool { return s().hanging })
	a.leave()
	b.says("select b")
	b.hears("row select b", "SELECT 1", "ready I")
	c.asks("begin")
	c.leave()
	d.says("begin")
	d.hears("BEGIN", "ready T")
	if !slices.Contains(s().queries, "ROLLBACK") {
		w.Fatalf("c's transaction is not rolled back: %q", s().queries)
	}
	d.says("hang")
	w.until("the query runs", func() bool { return s().hanging })
	d.leave()
	b.says("select b again")
	b.hears("row select b again", "SELECT 1", "ready I")
	w.servedBy(1)
}

// The death of a server costs its client its connection, with a word of why, and the pool nothing.
func serverDies(w *world) {
	a, b, c := w.login("a"), w.login("b"), w.login("c")
	a.says("hang")
	w.until("the query runs", func() bool { return w.processes[0].hanging })
	b.says("select b")
	w.waits(1)
	w.processes[0].die()
	a.hears("FATAL 08006", "closed")
	b.hears("row select b", "SELECT 1", "ready I")
	c.says("select c")
	c.hears("row select c", "SELECT 1", "ready I")
	w.servedBy(2)
}

// A result larger than all buffers stops its server while nobody reads, and arrives whole. Those of TCP may grow to be
// larger; a socket pair's do not.
func largeResult(w *world) {
	a := w.loginOver(w.servers(), "a")
	a.says("rows")
	unsent, still := 0, 0 // for so many rounds nothing of it was taken
	w.until("the server is stopped", func() bool {
		if n := len(w.processes[0].out); n != unsent {
			unsent, still = n, 0
		}
		still++
		return unsent > 0 && still > 100
	})
	for range 200 {
		w.until("some of it comes", func() bool { return a.read(777) })
	}
	for i := range largeRows {
		a.hears("row " + largeRow(i))
	}
	a.hears("SELECT 1", "ready I")
}

func copyIn(w *world) {
	a := w.login("a")
	a.says("copy")
	a.hears("G")
	for range 2000 {
		a.says("CopyData: " + strings.Repeat("y", 1000))
	}
	a.says("CopyDone:")
	a.hears("COPY 2000", "ready I")
	a.says("select a")
	a.hears("row select a", "SELECT 1", "ready I")
	w.servedBy(1)
}

// The shards are one pool: its only server serves the clients of all.
func oneServer(w *world) {
	clients := w.logins(6)
	for i := range 10 {
		for _, c := range clients {
			c.says("begin", fmt.Sprintf("%s %d", c.name, i), "commit")
		}
		for _, c := range clients {
			c.hears("BEGIN", "ready T", fmt.Sprintf("row %s %d", c.name, i), "SELECT 1", "ready T", "COMMIT", "ready I")
		}
	}
	shards := map[uint32]bool{}
	for _, c := range clients {
		shards[c.shard()] = true
	}
	if len(shards) != w.engine.Shards() {
		w.Fatalf("the clients are on %d shards of %d", len(shards), w.engine.Shards())
	}
	w.servedBy(1)
}

// Who rests is sent away at once, who has something to finish when it is done; nobody comes.
func drain(w *world) {
	a, b := w.login("a"), w.login("b")
	b.asks("begin")
	w.drain()
	a.hears("FATAL 57P01", "closed")
	if r := w.engine.Admit(w.pool, "192.0.2.1:1"); r == nil || r.SQLState != "57P03" {
		w.Fatalf("a client that comes is answered %v", r)
	}
	if w.stopped() {
		w.Fatal("the loops have stopped in a transaction")
	}
	b.says("select b", "commit")
	b.hears("row select b", "SELECT 1", "ready T", "COMMIT", "ready I", "FATAL 57P01", "closed")
}

// logins is so many clients.
func (w *world) logins(n int) (out []*client) {
	w.Helper()
	for i := range n {
		out = append(out, w.login(fmt.Sprintf("c%d", i)))
	}
	return out
}

// servedBy checks how many servers were ever dialed.
func (w *world) servedBy(n int) {
	w.Helper()
	if len(w.processes) != n {
		w.Fatalf("%d servers were dialed, and %d would have done", len(w.processes), n)
	}
}

var _ engine.Host = (*world)(nil)
