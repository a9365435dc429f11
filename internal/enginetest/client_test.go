//go:build linux

package enginetest

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/loop/looptest"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// client is an application: it says messages, and hears them as words.
type client struct {
	*world
	name    string
	far     looptest.Far
	in, out []byte
	pid     uint32
	secret  []byte
	ended   bool
}

// login connects a client, which hears its greeting.
func (w *world) login(name string) *client {
	w.Helper()
	return w.loginOver(w.clients(), name)
}

// loginOver connects it over another sort of connection.
func (w *world) loginOver(net looptest.Net, name string) *client {
	w.Helper()
	if r := w.engine.Admit(w.pool, "192.0.2.1:1"); r != nil {
		w.Fatalf("%s is refused: %v", name, r)
	}
	fd, far := net.Pair(w.T)
	c := &client{world: w, name: name, far: far}
	w.talkers = append(w.talkers, c)
	if r := w.engine.Attach(engine.Client{FD: fd, Pool: w.pool, Database: "db", User: "u", Address: "192.0.2.1:1"}); r != nil {
		w.Fatalf("%s is refused: %v", name, r)
	}
	c.hears("server_version 18", "key", "ready I")
	return c
}

// says sends messages: "Parse: name text", "Bind: name", "Execute:", "Sync:", "CopyData: …", "CopyDone:", or a Query.
func (c *client) says(messages ...string) {
	for _, m := range messages {
		kind, rest, ok := strings.Cut(m, ":")
		rest = strings.TrimSpace(rest)
		switch {
		case !ok:
			c.out = pgwire.AppendQuery(c.out, m)
		case kind == "Parse":
			name, text, _ := strings.Cut(rest, " ")
			c.out = pgwire.AppendParse(c.out, []byte(name), []byte(text), []byte{0, 0})
		case kind == "Bind":
			c.out = append(pgwire.AppendBind(c.out, nil, []byte(rest), 6), 0, 0, 0, 0, 0, 0)
		case kind == "Execute":
			c.out = frame(c.out, pgwire.Execute, "\x00\x00\x00\x00\x00")
		case kind == "Sync":
			c.out = pgwire.AppendEmpty(c.out, pgwire.Sync)
		case kind == "CopyData":
			c.out = frame(c.out, pgwire.CopyData, rest)
		case kind == "CopyDone":
			c.out = pgwire.AppendEmpty(c.out, pgwire.CopyDone)
		default:
			c.Fatalf("no client says %q", m)
		}
	}
	c.flush()
}

// flush sends what the connection takes; it reports whether it took any.
func (c *client) flush() bool {
	if len(c.out) == 0 || c.ended {
		return false
	}
	n, err := c.far.Write(c.out)
	c.out = c.out[n:]
	return n > 0 || err != nil
}

// hears expects these messages and no others.
func (c *client) hears(want ...string) {
	c.Helper()
	for i, m := range want {
		if got := c.next(); got != m {
			c.Fatalf("%s hears %q after %q; %q should come", c.name, got, want[:i], m)
		}
	}
}

// asks says a query and returns the rows; it must succeed.
func (c *client) asks(query string) (rows string) {
	c.Helper()
	c.says(query)
	return c.answer()
}

// answer is the rows of one answer.
func (c *client) answer() string {
	c.Helper()
	var rows []string
	for {
		switch m := c.next(); {
		case strings.HasPrefix(m, "row "):
			rows = append(rows, m[4:])
		case strings.HasPrefix(m, "ready "):
			return strings.Join(rows, ",")
		case m == "closed", strings.HasPrefix(m, "ERROR"), strings.HasPrefix(m, "FATAL"):
			c.Fatalf("%s hears %q", c.name, m)
		}
	}
}

// next waits for a message, or the end: "closed".
func (c *client) next() string {
	c.Helper()
	c.until(c.name+" hears something", func() bool {
		for !c.complete() && !c.ended {
			if !c.read(64 << 10) {
				return false
			}
		}
		return true
	})
	if !c.complete() {
		return "closed"
	}
	m := c.in[:pgwire.FrameLen(c.in)]
	c.in = c.in[len(m):]
	return c.word(m)
}

func (c *client) complete() bool {
	return len(c.in) >= pgwire.HeaderLen && pgwire.FrameLen(c.in) <= len(c.in)
}

// read takes what is there, up to n bytes; it reports whether anything was.
func (c *client) read(n int) bool {
	buf := make([]byte, n)
	n, err := c.far.Read(buf)
	c.in = append(c.in, buf[:n]...)
	if err != nil {
		c.leave()
	}
	return n > 0 || err != nil
}

// leave closes the connection without a word.
func (c *client) leave() {
	if !c.ended {
		c.ended = true
		c.far.Close()
	}
}

// word is a message in words.
func (c *client) word(m []byte) string {
	body := m[pgwire.HeaderLen:]
	switch m[0] {
	case pgwire.ParameterStatus:
		return strings.TrimRight(strings.Replace(string(body), "\x00", " ", 1), "\x00")
	case pgwire.BackendKeyData:
		c.pid, c.secret = binary.BigEndian.Uint32(body), bytes.Clone(body[4:])
		return "key"
	case pgwire.ReadyForQuery:
		return "ready " + string(body)
	case pgwire.ErrorResponse:
		return string(pgwire.ErrorField(m, 'V')) + " " + string(pgwire.ErrorField(m, 'C'))
	case pgwire.DataRow:
		return "row " + string(body[6:])
	case pgwire.CommandComplete:
		return strings.TrimRight(string(body), "\x00")
	}
	return string(m[0])
}

// cancel is a CancelRequest of its own.
func (c *client) cancel() { c.engine.Cancel(c.pid, c.secret) }

// shard is the one it is on, as its process ID tells: those of all shards take turns.
func (c *client) shard() uint32 { return (c.pid - 1<<22) % uint32(c.engine.Shards()) }
