package session

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// FuzzClientFeed: whatever a client sends, in whatever pieces, nothing panics, and nothing is used up that is not there.
func FuzzClientFeed(f *testing.F) {
	for _, line := range []string{
		`Query "select 'x'"; Parse s "select $1::text" 25; Bind "" s x; Describe S s; Execute ""; Close S s; Sync`,
		`Query "copy t from stdin"; CopyData x; CopyDone; FunctionCall 1; Flush; Sync`,
		`Query "deallocate s; execute s"; Parse "" "deallocate all"; Bind "" ""; Execute ""; Sync`,
		`Query "prepare s as select 1; execute s;; deallocate s"; Parse o "prepare s(int) as select $1"; Bind p o; Execute p; Sync`,
		`Parse s "select 1"; Parse o "execute s"; Bind "" o; Describe S o; Execute ""; Query "select * from pg_prepared_statements"`,
	} {
		messages, err := splitMessages(line)
		if err != nil {
			f.Fatal(err)
		}
		var b []byte
		for _, m := range messages {
			one, err := clientMessage(m)
			if err != nil {
				f.Fatal(err)
			}
			b = append(b, one...)
		}
		f.Add(b, uint16(7))
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		w := newWorld()
		c, s := w.addClient("a"), w.addServer("1")
		at := min(int(cut), len(b))
		s.pg.dead = true // it never answers
		w.clientSays(c, b[:at])
		w.clientSays(c, b[at:])
		w.turn(func() { w.leave(c) })
		w.turn(func() { s.Drop(w.env) })
		if n, m := w.env.Names.Len(), w.env.Statements.Len(); n != 0 || m != 0 {
			t.Fatalf("%d names and %d references to statements are left", n, m)
		}
	})
}

// FuzzServerFeed: whatever a server answers, nothing panics, and its client sees whole messages only.
func FuzzServerFeed(f *testing.F) {
	for _, line := range []string{
		`ParseComplete; BindComplete; RowDescription; DataRow x; CommandComplete "SELECT 1"; ReadyForQuery I`,
		`ErrorResponse ERROR 26000 "prepared statement \"pgmux_0123456789abcdef0123456789abcdef\" does not exist"; ReadyForQuery I`,
		`CopyInResponse; CommandComplete "DEALLOCATE ALL"; ParameterStatus a b; ReadyForQuery E`,
		`CommandComplete PREPARE; CommandComplete "SELECT 1"; CommandComplete DEALLOCATE; ReadyForQuery I`,
		`ParseComplete; BindComplete; CommandComplete PREPARE; ErrorResponse ERROR 42P05 "prepared statement \"s\" already exists" P=10; ReadyForQuery I`,
	} {
		messages, err := splitMessages(line)
		if err != nil {
			f.Fatal(err)
		}
		var b []byte
		for _, m := range messages {
			one, err := serverMessage(m)
			if err != nil {
				f.Fatal(err)
			}
			b = append(b, one...)
		}
		f.Add(b, uint16(7), uint8(len(line)))
	}
	asked := []string{
		`Parse s "select 'x'"; Bind "" s; Describe P ""; Execute ""; Close S s; Parse s "select 'y'"; Sync; Query "deallocate s"`,
		`Query "copy t from stdin"; CopyData x; CopyDone; Query "select 'x'"`,
		`Query "discard all"`,
		`Query "prepare s as select 1; execute s; deallocate s"; Query "execute s"`,
		`Parse "" "prepare s as select 1"; Bind "" ""; Execute ""; Describe S s; Sync; Query "select * from pg_prepared_statements"`,
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16, which uint8) {
		w := newWorld()
		c, s := w.addClient("a"), w.addServer("1")
		messages, _ := splitMessages(asked[int(which)%len(asked)])
		for _, m := range messages {
			one, err := clientMessage(m)
			if err != nil {
				t.Fatal(err)
			}
			w.clientSays(c, one)
		}
		at := min(int(cut), len(b))
		w.serverSays(s, b[:at])
		w.serverSays(s, b[at:])
		if s.state == "closed" || s.MidMessage() {
			return
		}
		for rest := c.all; len(rest) > 0; {
			if len(rest) < pgwire.HeaderLen || pgwire.FrameLen(rest) < pgwire.HeaderLen || pgwire.FrameLen(rest) > len(rest) {
				t.Fatalf("the client received a part of a message: %q", rest)
			}
			rest = rest[pgwire.FrameLen(rest):]
		}
	})
}
