package session

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

// nowhere is a wire that nobody listens to.
type nowhere struct{}

func (nowhere) Send(uint64, []byte) {}

// talker is a client and a server of which one speaks and the other answers.
type talker struct {
	t *testing.T
	e *Env
	c *Client
	s *Server
}

func newTalker(t *testing.T) *talker {
	return &talker{t, NewEnv(nowhere{}), &Client{Slot: 1}, &Server{Conn: 2, MaxPrepared: 100, Status: pgwire.StatusIdle}}
}

func (k *talker) build(one func([]string) ([]byte, error), line string) (b []byte) {
	messages, err := splitMessages(line)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, m := range messages {
		bytes, err := one(m)
		if err != nil {
			k.t.Fatal(err)
		}
		b = append(b, bytes...)
	}
	return b
}

// turn is what is said, and what is answered to that.
func (k *talker) turn(says, answers string) (_, _ []byte) {
	return k.build(clientMessage, says), k.build(serverMessage, answers)
}

func (k *talker) talk(says, answers []byte) {
	k.e.BeginTurn()
	if used, v, _ := k.c.Feed(k.e, k.s, says); used != len(says) || v != More {
		k.t.Fatalf("%d of %d bytes were used: %v", used, len(says), v)
	}
	if !k.s.Feed(k.e, k.c, answers) || !k.s.Releasable() || k.s.Pins != 0 {
		k.t.Fatal("the server is not as it was")
	}
}

// TestShapesDoNotAllocate: that the shape of what a statement returns is known, and learned, costs no memory for each query.
func TestShapesDoNotAllocate(t *testing.T) {
	k := newTalker(t)
	k.talk(k.turn(`Parse s "select 'x'"; Describe S s; Parse u "select 'u'"; Sync`,
		`ParseComplete; ParameterDescription; RowDescription c; ParseComplete; ReadyForQuery I`))
	described := `BindComplete; RowDescription c; DataRow x; CommandComplete "SELECT 1"; ReadyForQuery I`
	for _, turn := range [][2]string{
		{`Bind "" s; Describe P ""; Execute ""; Sync`, described},
		{`Bind "" u; Describe P ""; Execute ""; Sync`, described},
		{`Parse "" "select 'n'"; Describe S ""; Sync`, `ParseComplete; ParameterDescription; RowDescription c; ReadyForQuery I`},
	} {
		says, answers := k.turn(turn[0], turn[1])
		if n := testing.AllocsPerRun(200, func() { k.talk(says, answers) }); n > 0 {
			t.Errorf("%s: %v allocations", turn[0], n)
		}
	}
	says, _ := k.turn(`Bind "" s; Execute ""; Sync`, ``)
	_, asked := k.turn(``, `CloseComplete; ParseComplete; ParameterDescription; RowDescription c`)
	_, answers := k.turn(``, `BindComplete; DataRow x; CommandComplete "SELECT 1"; ReadyForQuery I`)
	if n := testing.AllocsPerRun(200, func() {
		id, _ := k.e.Names.Get(k.c.Slot, []byte("s"))
		k.s.Prepared.Note(k.e.Statements.Hash(id), prepared.Copy{})
		k.e.Schema.Doubt()
		k.e.BeginTurn()
		used, v, _ := k.c.Feed(k.e, k.s, says)
		if v != Await || !k.s.Feed(k.e, k.c, asked) {
			t.Fatalf("the client does not wait for an answer: %v", v)
		}
		k.talk(says[used:], answers)
	}); n > 0 {
		t.Errorf("asked: %v allocations", n)
	}
}

// TestExecuteInSQLDoesNotAllocate: EXECUTE of what SQL has prepared costs no memory, by either protocol.
func TestExecuteInSQLDoesNotAllocate(t *testing.T) {
	k := newTalker(t)
	k.talk(k.turn(`Query "prepare q(text) as select $1"`, `CommandComplete PREPARE; ReadyForQuery I`))
	for _, turn := range [][2]string{
		{`Query "execute q('x')"`, `RowDescription; DataRow x; CommandComplete "SELECT 1"; ReadyForQuery I`},
		{`Query "select 1; execute q('x'); execute q('y')"`,
			`CommandComplete "SELECT 1"; CommandComplete "SELECT 1"; CommandComplete "SELECT 1"; ReadyForQuery I`},
		{`Parse "" "execute q('x')"; Bind "" ""; Execute ""; Sync`,
			`ParseComplete; BindComplete; DataRow x; CommandComplete "SELECT 1"; ReadyForQuery I`},
	} {
		says, answers := k.turn(turn[0], turn[1])
		if n := testing.AllocsPerRun(200, func() { k.talk(says, answers) }); n > 0 {
			t.Errorf("%s: %v allocations", turn[0], n)
		}
	}
}
