package console

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

func TestTheGreetingIsPgBouncers(t *testing.T) {
	near, far := net.Pipe()
	go Serve(t.Context(), far, Client{User: "metrics", PID: 42, Secret: []byte{1, 2, 3, 4}}, newFakeWorld(), new(Shared))
	near.SetDeadline(time.Now().Add(patience))
	c := &talker{Frontend: pgproto3.NewFrontend(near, near), t: t, conn: near}
	const want = `ParameterStatus server_version 1.25.0/bouncer
ParameterStatus client_encoding UTF8
ParameterStatus server_encoding UTF8
ParameterStatus DateStyle ISO
ParameterStatus TimeZone GMT
ParameterStatus standard_conforming_strings on
ParameterStatus is_superuser off
BackendKeyData
ReadyForQuery I`
	if got := c.hear(); got != want {
		t.Error(got)
	}
	near.Close()
}

func TestIdleSessionsAreToldTheEnd(t *testing.T) {
	c := talk(t, newFakeWorld(), new(Shared), true)
	c.end()
	if answer := c.hear(); answer != "ErrorResponse FATAL 57P01 terminating connection due to administrator command\n(end)" {
		t.Error(answer)
	}
	if err := <-c.ended; err == nil || !strings.Contains(err.Error(), "57P01") {
		t.Errorf("the session ended with %v", err)
	}
}

func TestAGoodbyeIsNoError(t *testing.T) {
	c := talk(t, newFakeWorld(), new(Shared), true)
	c.say(&pgproto3.Terminate{})
	if err := <-c.ended; err != nil {
		t.Error(err)
	}
}

func TestMessagesThatAreTooLong(t *testing.T) {
	for _, n := range []int{maxMessageBytes - 1, maxMessageBytes} { // and the zero behind the text
		c := talk(t, newFakeWorld(), new(Shared), true)
		go func() { // what is too long is not read
			c.Send(&pgproto3.Query{String: "SHOW" + strings.Repeat(" ", n-len("SHOW"))})
			c.Flush()
		}()
		answer := c.hear()
		if n == maxMessageBytes-1 && !strings.HasPrefix(answer, "ErrorResponse ERROR 42601 invalid command") {
			t.Errorf("%d bytes: %s", n, answer)
		}
		if n == maxMessageBytes && !strings.HasPrefix(answer, "ErrorResponse FATAL 08P01 invalid message") {
			t.Errorf("%d bytes: %s", n, answer)
		}
	}
}

func TestBytesThatAreNoMessage(t *testing.T) {
	c := talk(t, newFakeWorld(), new(Shared), true)
	go io.WriteString(c.conn, "GET / HTTP/1.1\r\n\r\n")
	if answer := c.hear(); !strings.HasPrefix(answer, "ErrorResponse FATAL 08P01 invalid message") {
		t.Error(answer)
	}
}

// Flush has what was answered sent before there is a Sync: drivers wait for the description.
func TestFlushSends(t *testing.T) {
	c := talk(t, newFakeWorld(), new(Shared), true)
	c.say(&pgproto3.Parse{Query: "SHOW STATE"}, &pgproto3.Describe{ObjectType: 'S'}, &pgproto3.Flush{})
	for _, want := range []string{"ParseComplete", "ParameterDescription", "RowDescription key:text value:text"} {
		m, err := c.Receive()
		if err != nil || spell(m) != want {
			t.Fatalf("got %v, %v; want %s", m, err, want)
		}
	}
	c.say(&pgproto3.Sync{})
	if answer := c.hear(); answer != "ReadyForQuery I" {
		t.Error(answer)
	}
}

func TestStatementsAndPortalsAreBounded(t *testing.T) {
	s := newSession(nil, Client{Admin: true}, newFakeWorld(), new(Shared))
	for i := range maxPrepared {
		if err := s.parse(&pgproto3.Parse{Name: fmt.Sprint(i), Query: "SHOW STATE"}); err != nil {
			t.Fatal(err)
		}
		if err := s.bind(&pgproto3.Bind{DestinationPortal: fmt.Sprint(i), PreparedStatement: "0"}); err != nil {
			t.Fatal(err)
		}
		s.out = s.out[:0]
	}
	for _, err := range []error{
		s.parse(&pgproto3.Parse{Name: "more", Query: "SHOW STATE"}),
		s.bind(&pgproto3.Bind{DestinationPortal: "more", PreparedStatement: "0"}),
	} {
		if p, ok := err.(*problem); !ok || p.state != limitExceeded {
			t.Errorf("one too many: %v", err)
		}
	}
}

func TestRowsAreBounded(t *testing.T) {
	w := newFakeWorld()
	w.clients = make([]engine.ClientRow, maxRows)
	s := newSession(nil, Client{}, w, new(Shared))
	for range 2 {
		a, err := s.run(t.Context(), &statement{word: "show", arg: "clients"})
		if err != nil || len(a.table.rows) != maxRows {
			t.Fatalf("%d rows, %v", len(a.table.rows), err)
		}
		if told, beyond := a.notice != "", len(w.clients) > maxRows; told != beyond {
			t.Errorf("of %d clients the notice is %q", len(w.clients), a.notice)
		}
		w.clients = append(w.clients, engine.ClientRow{})
	}
}

// As with Postgres, what follows an error is skipped to the next Sync, a Query too.
func TestWhatFollowsAnErrorIsSkipped(t *testing.T) {
	c := talk(t, newFakeWorld(), new(Shared), true)
	c.say(&pgproto3.Bind{PreparedStatement: "nobody"}, &pgproto3.Query{String: "RESUME"}, &pgproto3.Execute{}, &pgproto3.Sync{})
	if answer := c.hear(); answer != "ErrorResponse ERROR 26000 prepared statement \"nobody\" does not exist\nReadyForQuery I" {
		t.Error(answer)
	}
}

// deadlines notes the last deadline of writing.
type deadlines struct {
	net.Conn
	last time.Time
	set  int
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.last = t
	d.set++
	return d.Conn.SetWriteDeadline(t)
}

// Between answers there is no deadline: TLS may have to write by itself, and would be broken by one that has passed.
func TestWritingHasADeadlineAsLongAsItLasts(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	go io.Copy(io.Discard, near)
	d := &deadlines{Conn: far}
	s := newSession(d, Client{}, newFakeWorld(), new(Shared))
	s.ready()
	if s.failed != nil || d.set != 2 || !d.last.IsZero() {
		t.Errorf("%v; after %d changes the deadline is %v", s.failed, d.set, d.last)
	}
}
