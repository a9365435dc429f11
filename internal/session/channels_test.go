package session

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// listenersOf is who hears for clients, and what connections are sent.
type listenersOf struct {
	env      *Env
	sent     map[uint64][]byte
	channels []string
	kept     []byte
	doubts   int
}

const aClient, aServer = 1, 2

func (l *listenersOf) Send(conn uint64, b []byte) { l.sent[conn] = append(l.sent[conn], b...) }
func (l *listenersOf) Channels(*Client) []string  { return l.channels }
func (l *listenersOf) PID(*Client) uint32         { return 7 }
func (l *listenersOf) Marker(_ *Server, who uint32) string {
	return "NOTIFY marker, '" + itoa(int(who)) + "'"
}
func (l *listenersOf) Doubt(*Server)                                         { l.doubts++ }
func (l *listenersOf) Restore(uint64, sql.ChangeKind, []byte) []string       { return nil }
func (l *listenersOf) Began(uint64, []byte) (value, literal string, ok bool) { return "", "", false }
func (l *listenersOf) Deliver(c *Client)                                     { c.Pending = false; l.Send(c.Conn, l.kept) }

func (l *listenersOf) takes(conn uint64) (said string) {
	said = types(l.sent[conn])
	l.sent[conn] = nil
	return said
}

func (l *listenersOf) Notification(_ *Server, _ *Client, m []byte) []byte {
	if _, name, _ := pgwire.Notification(m); string(name) == "known" {
		return nil
	}
	return pgwire.AppendNotification(nil, m, 7)
}

// types is the messages in b: their types, and the texts of queries.
func types(b []byte) string {
	var out []string
	for len(b) > 0 {
		m := b[:pgwire.FrameLen(b)]
		b = b[len(m):]
		word := string(m[0])
		switch m[0] {
		case pgwire.Query, pgwire.Parse:
			word += strings.ReplaceAll(string(m[pgwire.HeaderLen:]), "\x00", " ")
		case pgwire.ReadyForQuery:
			word += string(m[pgwire.HeaderLen:])
		case pgwire.NotificationResponse:
			_, name, _ := pgwire.Notification(m)
			word += string(name)
		}
		out = append(out, strings.TrimSpace(word))
	}
	return strings.Join(out, ",")
}

func newListeners() (*listenersOf, *Client, *Server) {
	l := &listenersOf{sent: map[uint64][]byte{}, channels: []string{"UNLISTEN *", `LISTEN "a"`}}
	l.env = NewEnv(l)
	l.env.Listeners, l.env.Startup = l, l
	return l, &Client{Conn: aClient, Slot: 1}, &Server{Conn: aServer, Status: pgwire.StatusIdle, MaxPrepared: 100}
}

func query(text string) []byte { return pgwire.AppendQuery(nil, text) }

func notification(name string) []byte {
	b := []byte{pgwire.NotificationResponse, 0, 0, 0, byte(4 + 4 + len(name) + 2), 0, 0, 0, 9}
	return append(append(b, name...), 0, 0)
}

func completed(tag string, status byte) []byte {
	b := append([]byte{pgwire.CommandComplete, 0, 0, 0, byte(5 + len(tag))}, tag...)
	return pgwire.AppendReady(append(b, 0), status)
}

// However the answer is cut, what was kept comes right before the end of the transaction, and that is held where it has to be.
func TestTheEndOfATransactionOfWhoListens(t *testing.T) {
	for _, c := range []struct {
		name, text      string
		listens, held   bool
		pending         bool
		status          byte
		want, afterHold string
	}{
		{"who does not listen", "SELECT 1", false, false, false, 'I', "C,ZI", ""},
		{"who listens", "SELECT 1", true, true, false, 'I', "C", ""},
		{"LISTEN", "LISTEN a", false, true, false, 'I', "C", ""},
		{"LISTEN in a transaction", "LISTEN a", false, false, false, 'T', "C,ZT", ""},
		{"something kept", "SELECT 1", false, false, true, 'I', "C,Akept,ZI", ""},
		{"something kept, in a transaction", "SELECT 1", false, false, true, 'T', "C,ZT", ""},
	} {
		answer := completed("DONE", c.status)
		for cut := range len(answer) {
			l, client, server := newListeners()
			l.kept = notification("kept")
			client.Listens, client.Pending = c.listens, c.pending
			client.Feed(l.env, server, query(c.text))
			server.Feed(l.env, client, bytes.Clone(answer[:cut]))
			server.Feed(l.env, client, bytes.Clone(answer[cut:]))
			if got := l.takes(aClient); got != c.want || server.Channels.Held != c.held {
				t.Errorf("%s, cut at %d: told %s, held %v; want %s, %v", c.name, cut, got, server.Channels.Held, c.want, c.held)
			}
			client.Feed(l.env, server, query("SELECT 2"))
			if sent := strings.Contains(l.takes(aServer), "SELECT 2"); sent == c.held {
				t.Errorf("%s: what comes behind is sent: %v", c.name, sent)
			}
		}
	}
}

// What its own server is notified of a client is told while that listens for it, and only what it does not hear otherwise.
func TestNotificationsOfItsOwnServer(t *testing.T) {
	said := append(notification("new"), notification("known")...)
	said = append(said, completed("LISTEN", 'I')...)
	for cut := range len(said) {
		for text, want := range map[string]string{"LISTEN a": "Anew,C", "SELECT 1": "C,ZI"} {
			l, client, server := newListeners()
			client.Feed(l.env, server, query(text))
			server.Feed(l.env, client, bytes.Clone(said[:cut]))
			server.Feed(l.env, client, bytes.Clone(said[cut:]))
			if got := l.takes(aClient); got != want {
				t.Errorf("%s, cut at %d: told %s, want %s", text, cut, got, want)
			}
		}
	}
}

// A text that depends on what the session listens to meets a session that does.
func TestChannelsArePutOnAServer(t *testing.T) {
	l, client, server := newListeners()
	client.Listens = true
	const worn = `QUNLISTEN *;LISTEN "a"`
	client.Feed(l.env, server, query("UNLISTEN a"))
	if got := l.takes(aServer); got != worn+",QUNLISTEN a" {
		t.Errorf("the server is told %s", got)
	}

	l, client, server = newListeners()
	client.Listens = true
	client.Feed(l.env, server, query("BEGIN"))
	if got := l.takes(aServer); got != worn+",QBEGIN" || !server.Channels.Worn || server.Channels.Changed {
		t.Errorf("the server is told %s: %+v", got, server.Channels)
	}
	server.Feed(l.env, client, append(completed("LISTEN", 'I'), completed("BEGIN", 'T')...))
	client.Feed(l.env, server, query("UNLISTEN a"))
	if got := l.takes(aServer); got != "QUNLISTEN a" {
		t.Errorf("the server is told %s again", got)
	}

	// Amid a batch they are put into it, and gone with it if it fails.
	l, client, server = newListeners()
	client.Listens = true
	var batch []byte
	for _, text := range []string{"SELECT 1", "UNLISTEN a"} {
		batch = pgwire.AppendParse(batch, nil, []byte(text), []byte{0, 0})
		batch = pgwire.AppendPlainBind(batch, nil, nil)
		batch = pgwire.AppendExecute(batch, nil)
	}
	client.Feed(l.env, server, pgwire.AppendEmpty(batch, pgwire.Sync))
	if got := l.takes(aServer); strings.Count(got, "LISTEN") != 3 || !server.Channels.Worn {
		t.Errorf("the server is told %s: %+v", got, server.Channels)
	}
	server.Feed(l.env, client, pgwire.AppendReady(pgwire.AppendError(nil, "ERROR", "22012", "division by zero", "", ""), 'I'))
	if server.Channels.Worn || !server.Channels.Held {
		t.Errorf("after the error: %+v", server.Channels)
	}
}
