package session

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// nowhere is a wire that nobody listens to.
type nowhere struct{}

func (nowhere) Send(uint64, []byte) {}

// TestExecuteInSQLDoesNotAllocate: EXECUTE of what SQL has prepared costs no memory, by either protocol.
func TestExecuteInSQLDoesNotAllocate(t *testing.T) {
	e := NewEnv(nowhere{})
	c := &Client{Slot: 1}
	s := &Server{Conn: 2, MaxPrepared: 100, Status: pgwire.StatusIdle}
	build := func(one func([]string) ([]byte, error), line string) (b []byte) {
		messages, err := splitMessages(line)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			bytes, err := one(m)
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, bytes...)
		}
		return b
	}
	talk := func(says, answers []byte) {
		e.BeginTurn()
		if used, v, _ := c.Feed(e, s, says); used != len(says) || v != More {
			t.Fatalf("%d of %d bytes were used: %v", used, len(says), v)
		}
		if !s.Feed(e, c, answers) || !s.Releasable() || s.Pins != 0 {
			t.Fatal("the server is not as it was")
		}
	}
	talk(build(clientMessage, `Query "prepare q(text) as select $1"`), build(serverMessage, `CommandComplete PREPARE; ReadyForQuery I`))
	for _, turn := range [][2]string{
		{`Query "execute q('x')"`, `RowDescription; DataRow x; CommandComplete "SELECT 1"; ReadyForQuery I`},
		{`Query "select 1; execute q('x'); execute q('y')"`,
			`CommandComplete "SELECT 1"; CommandComplete "SELECT 1"; CommandComplete "SELECT 1"; ReadyForQuery I`},
		{`Parse "" "execute q('x')"; Bind "" ""; Execute ""; Sync`,
			`ParseComplete; BindComplete; DataRow x; CommandComplete "SELECT 1"; ReadyForQuery I`},
	} {
		says, answers := build(clientMessage, turn[0]), build(serverMessage, turn[1])
		if n := testing.AllocsPerRun(200, func() { talk(says, answers) }); n > 0 {
			t.Errorf("%s: %v allocations", turn[0], n)
		}
	}
}
