package session

import (
	"bytes"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

// asker is a talker whose client has prepared s, and has been told what it returns, and has an unnamed statement.
func newAsker(t *testing.T) *talker {
	k := newTalker(t)
	k.talk(k.turn(`Parse s "select 's'"; Describe S s; Parse "" "select 'u'"; Sync`,
		`ParseComplete; ParameterDescription; RowDescription x; ParseComplete; ReadyForQuery I`))
	return k
}

// asks reads the unit that the client says.
func (k *talker) asks(says string) (a Asked, data []byte, ok bool) {
	data = k.build(clientMessage, says)
	ok = k.c.Asks(k.e, data, &a)
	return a, data, ok
}

// What a kept reply can answer, and what is asked.
func TestWhatIsAsked(t *testing.T) {
	k := newAsker(t)
	for _, c := range []struct {
		says   string
		kind   AskedKind
		text   string
		parses bool
	}{
		{`Query "select 1"`, AskedQuery, "select 1", false},
		{`Parse "" "select 1"; Bind "" ""; Execute; Sync`, AskedBound, "select 1", true},
		{`Parse "" "select 1"; Bind "" ""; Describe P ""; Execute; Sync`, AskedDescribed, "select 1", true},
		{`Bind "" s; Execute; Sync`, AskedBound, "select 's'", false},
		{`Bind "" s; Describe P ""; Execute; Sync`, AskedDescribed, "select 's'", false},
		{`Bind "" ""; Execute; Sync`, AskedBound, "select 'u'", false},
		{`Describe S s; Sync`, AskedStatement, "select 's'", false},
	} {
		a, data, ok := k.asks(c.says)
		switch {
		case !ok:
			t.Errorf("%s: is not for the cache", c.says)
		case a.Kind != c.kind || string(a.Text) != c.text || a.Parses != c.parses || a.Len != len(data):
			t.Errorf("%s: %+v, of %d bytes", c.says, a, len(data))
		}
		var b Asked
		if !k.c.Asks(k.e, append(bytes.Clone(data), data...), &b) || b.Len != a.Len {
			t.Errorf("%s, twice: %v, %d bytes", c.says, ok, b.Len)
		}
		for cut := range data {
			if k.c.Asks(k.e, data[:cut], &Asked{}) {
				t.Fatalf("%s: %d of %d bytes are enough", c.says, cut, len(data))
			}
		}
	}
}

// What no kept reply can answer.
func TestWhatIsNotAskedOfTheCache(t *testing.T) {
	k := newAsker(t)
	for _, says := range []string{
		`Parse n "select 1"; Bind "" n; Execute; Sync`,
		`Parse "" "select 1"; Bind "" s; Execute; Sync`,
		`Bind "" nobody; Execute; Sync`,
		`Bind p s; Execute p; Sync`,
		`Bind "" s; Execute "" 1; Sync`,
		`Bind "" s; Execute; Flush; Sync`,
		`Bind "" s; Execute; Execute; Sync`,
		`Bind "" s; Sync`,
		`Describe P ""; Sync`,
		`Describe S nobody; Sync`,
		`Parse "" "select 1"; Describe S ""; Sync`,
		`Sync`,
	} {
		if a, _, ok := k.asks(says); ok {
			t.Errorf("%s: %+v", says, a)
		}
	}
}

// Nobody is answered who is amid something.
func TestWhoIsNotAnsweredFromTheCache(t *testing.T) {
	for name, change := range map[string]func(*Client){
		"a frame":         func(c *Client) { c.left = 1 },
		"a failed batch":  func(c *Client) { c.skip = true },
		"an error":        func(c *Client) { c.refused = true },
		"LISTEN":          func(c *Client) { c.Listens = true },
		"a hard encoding": func(c *Client) { c.Unreadable = true },
		"backslashes":     func(c *Client) { c.BackslashQuotes = true },
		"a local answer":  func(c *Client) { c.local = true },
		"a failed BEGIN":  func(c *Client) { c.failed = true },
	} {
		k := newAsker(t)
		change(k.c)
		if a, _, ok := k.asks(`Query "select 1"`); ok {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// An answer leaves the client as a server's would: what its unnamed statement is, and what it has been told of it.
func TestWhatAnAnswerLeaves(t *testing.T) {
	k := newAsker(t)
	k.e.BeginTurn()
	reply, shape := pgwire.AppendReady(nil, 'I'), prepared.ShapeOf([]byte("\x00\x01n\x00"))
	a, _, _ := k.asks(`Parse "" "select 1"; Bind "" ""; Describe P ""; Execute; Sync`)
	if !k.c.Answer(k.e, &a, reply, shape, pgwire.StatusIdle) {
		t.Fatal("it cannot be answered")
	}
	if got := string(k.e.Statements.Text(k.c.unnamed)); got != "select 1" || k.c.unnamedTold != shape {
		t.Errorf("the unnamed statement is %q, and was told to return %d", got, k.c.unnamedTold)
	}
	if a, _, _ = k.asks(`Bind "" ""; Execute; Sync`); a.Fits(shape+1) || !a.Fits(shape) {
		t.Errorf("who was told %d may be given another", shape)
	}
	a, _, _ = k.asks(`Query "select 2"`)
	if !k.c.Answer(k.e, &a, reply, shape, pgwire.StatusIdle) || k.c.unnamed != prepared.None {
		t.Error("a Query has left the unnamed statement")
	}
}
