package poolhandler

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// lingers is how long a client that was told is listened to, as package login has it.
const lingers = 500 * time.Millisecond

// A client that was handed over too late hears why it goes, and exit waits until it has.
func TestADismissedClientIsTold(t *testing.T) {
	pair, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(pair[0]), "client")
	conn, err := net.FileConn(file)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	p, _ := fakeProcess()
	began := time.Now()
	p.dismiss(engine.Client{FD: pair[1]}, &engine.Refusal{SQLState: "57P03", Message: "the pooler is shutting down"})
	if n := p.entrances.answering.Load(); n != 1 && time.Since(began) < lingers {
		t.Error("exit would not wait")
	}
	m, err := pgproto3.NewFrontend(conn, conn).Receive()
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := m.(*pgproto3.ErrorResponse); !ok || e.Code != "57P03" {
		t.Errorf("it was told %+v", m)
	}
	conn.Close()
	p.entrances.awaitAnswers()
	if n := p.entrances.answering.Load(); n != 0 {
		t.Errorf("%d are still being answered", n)
	}
}
