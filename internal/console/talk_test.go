package console

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// patience bounds every wait.
const patience = time.Minute

// talker is a client's end of a session.
type talker struct {
	*pgproto3.Frontend
	t      *testing.T
	conn   net.Conn
	cancel chan struct{}
	end    context.CancelFunc
	ended  chan error
}

// talk starts a session, and reads its greeting.
func talk(t *testing.T, w World, shared *Shared, admin bool) *talker {
	t.Helper()
	near, far := net.Pipe()
	ctx, end := context.WithCancel(context.Background())
	c := &talker{pgproto3.NewFrontend(near, near), t, near, make(chan struct{}, 1), end, make(chan error, 1)}
	go func() {
		defer far.Close()
		c.ended <- Serve(ctx, far, Client{User: "ops", Admin: admin, PID: 42, Secret: []byte{1, 2, 3, 4}, Cancel: c.cancel}, w, shared)
	}()
	t.Cleanup(func() { near.Close(); end() })
	near.SetDeadline(time.Now().Add(patience))
	if greeting := c.hear(); !strings.Contains(greeting, "ParameterStatus server_version 1.25.0/bouncer") {
		t.Errorf("the greeting is\n%s", greeting)
	}
	return c
}

func (c *talker) say(messages ...pgproto3.FrontendMessage) {
	c.t.Helper()
	for _, m := range messages {
		c.Send(m)
	}
	if err := c.Flush(); err != nil {
		c.t.Fatal(err)
	}
}

// hear is what comes, to ReadyForQuery or the end, a message a line.
func (c *talker) hear() string {
	c.t.Helper()
	var lines []string
	for {
		m, err := c.Receive()
		if err != nil {
			return strings.Join(append(lines, "(end)"), "\n")
		}
		lines = append(lines, spell(m))
		if _, ready := m.(*pgproto3.ReadyForQuery); ready {
			return strings.Join(lines, "\n")
		}
	}
}

// ask says a Query and hears the answer.
func (c *talker) ask(query string) string {
	c.t.Helper()
	c.say(&pgproto3.Query{String: query})
	return c.hear()
}

var typeNames = map[uint32]string{25: "text", 23: "int4", 20: "int8", 1700: "numeric"}

// spell is a message in words.
func spell(m pgproto3.BackendMessage) string {
	switch m := m.(type) {
	case *pgproto3.RowDescription:
		words := []string{"RowDescription"}
		for _, f := range m.Fields {
			word := string(f.Name) + ":" + typeNames[f.DataTypeOID]
			if f.Format == pgproto3.BinaryFormat {
				word += ":binary"
			}
			words = append(words, word)
		}
		return strings.Join(words, " ")
	case *pgproto3.DataRow:
		words := make([]string, len(m.Values))
		for i, v := range m.Values {
			words[i] = spellValue(v)
		}
		return "DataRow " + strings.Join(words, "|")
	case *pgproto3.ErrorResponse:
		return fmt.Sprintf("ErrorResponse %s %s %s", m.Severity, m.Code, m.Message)
	case *pgproto3.NoticeResponse:
		return strings.Join(append([]string{"NoticeResponse", m.Message}, strings.Fields(m.Detail)...), " ")
	case *pgproto3.ParameterStatus:
		return "ParameterStatus " + m.Name + " " + m.Value
	case *pgproto3.CommandComplete:
		return "CommandComplete " + string(m.CommandTag)
	case *pgproto3.ReadyForQuery:
		return "ReadyForQuery " + string(m.TxStatus)
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
}

// spellValue is a value; what cannot be read is in hexadecimal.
func spellValue(v []byte) string {
	if v == nil {
		return "NULL"
	}
	if quoted := strconv.Quote(string(v)); quoted[1:len(quoted)-1] != string(v) {
		return fmt.Sprintf("x%x", v)
	}
	return string(v)
}

// eventually asks until there is no error.
func eventually[T any](t *testing.T, ask func() (T, error)) T {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		v, err := ask()
		if err == nil {
			return v
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
