package session

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// TestModelAnswersAsPostgresDoes says random programs to a real Postgres, to see that what the other tests hold against
// the machines is true.
func TestModelAnswersAsPostgresDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Postgres")
	}
	server := pgtest.Start(t, pgtest.Options{Roles: []pgtest.Role{{Name: "alice"}}, Databases: []string{"app"}})
	address := fmt.Sprintf("%s:%d", server.Host, server.Port)
	say(t, address, frame(pgwire.Query, []byte("create table t (c int)\x00")), 1)
	compared := 0
	for seed := uint64(1); seed <= 300; seed++ {
		p := randomProgram(rand.New(rand.NewPCG(seed, 4)))
		var all []byte
		for _, s := range p.steps {
			all = append(all, s.bytes...)
		}
		got := say(t, address, all, readies(p.want))
		if g, w := outline(got), outline(p.want); g != w && !internalError(got) {
			t.Fatalf("seed %d: to\n%s\nPostgres answers\n%s\nand the model\n%s", seed, describe([]*program{p}), g, w)
		}
		compared++
	}
	t.Logf("%d programs compared", compared)

	// What is no COPY's, amid COPY.
	violation := append(frame(pgwire.Query, []byte("copy t from stdin\x00")), frame(pgwire.Query, []byte("select 'next'\x00"))...)
	model := newPostgres()
	model.receive(violation)
	model.answer(-1)
	if g, w := outline(say(t, address, violation, 1)), outline(model.taken()); g != w {
		t.Fatalf("to a query amid COPY Postgres answers\n%s\nand the model\n%s", g, w)
	}
}

// say logs in, says b and returns what is answered up to the last ReadyForQuery.
func say(t *testing.T, address string, b []byte, ready int) []byte {
	t.Helper()
	conn := login(t, address)
	defer conn.Close()
	return until(t, conn, b, ready)
}

func until(t *testing.T, conn net.Conn, b []byte, ready int) (got []byte) {
	t.Helper()
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 64<<10)
	for readies(got) < ready {
		n, err := conn.Read(buffer)
		got = append(got, buffer[:n]...)
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatalf("after %s: %v", outline(got), err)
		}
	}
	return got
}

// outline is what must be equal: everything but texts and types.
func outline(b []byte) string {
	p := &printer{names: map[string]string{}}
	var out []string
	for len(b) >= pgwire.HeaderLen && pgwire.FrameLen(b) <= len(b) {
		m := b[:pgwire.FrameLen(b)]
		b = b[len(m):]
		switch m[0] {
		case pgwire.ParameterStatus:
		case pgwire.ErrorResponse, pgwire.NoticeResponse:
			out = append(out, fmt.Sprintf("%c%s", m[0], pgwire.ErrorField(m, 'C')))
		default:
			out = append(out, p.fromServer(m[0], &reader{m[pgwire.HeaderLen:]}))
		}
	}
	return strings.Join(out, "; ")
}
