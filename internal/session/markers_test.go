package session

import (
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// marked is a server that several clients have one after the other, while somebody listens.
type marked struct {
	*listenersOf
	server *Server
	hears  Markers
	list   SuspectList
	who    uint32
}

func newMarked() *marked {
	l, _, server := newListeners()
	m := &marked{listenersOf: l, server: server}
	l.env.Listeners = m
	m.hears.Store(1)
	server.Markers = &m.hears
	x := &Suspects{}
	x.Add("tells", Notifying)
	x.Add("dynamic", MayNotify)
	m.list.Store(x)
	server.Suspects = &m.list
	return m
}

func (m *marked) PID(*Client) uint32 { return m.who }

// says has a client say a query, which Postgres answers; status is what it says then. It returns what the server is told.
func (m *marked) says(who uint32, text string, status byte) string {
	m.who = who
	client := &Client{Conn: aClient, Slot: who}
	client.Feed(m.env, m.server, query(text))
	m.sent[aClient] = nil
	told := m.takes(aServer)
	for m.server.Owes() {
		answer, before := completed("DONE", m.server.Status), m.server.owed.len()
		if before == 1 {
			answer = completed("DONE", status)
		}
		m.server.Feed(m.env, client, answer)
		if m.server.owed.len() == before {
			break
		}
	}
	return strings.ReplaceAll(strings.TrimPrefix(told, "Q"), ",Q", ",")
}

// Whom the markers name, and where they stand.
func TestMarkers(t *testing.T) {
	type step struct {
		who    uint32
		text   string
		status byte
		want   string
	}
	for name, steps := range map[string][]step{
		"once, and again for another": {
			{1, "NOTIFY a", 'I', "NOTIFY marker, '1',NOTIFY a"}, {1, "SELECT pg_notify('a', 'x')", 'I', "SELECT pg_notify('a', 'x')"},
			{2, "SELECT 1", 'I', "SELECT 1"}, {2, "NOTIFY a", 'I', "NOTIFY marker, '2',NOTIFY a"}, {1, "NOTIFY a", 'I', "NOTIFY marker, '1',NOTIFY a"}},
		"who mentions them": {
			{1, "SELECT tells()", 'I', "NOTIFY marker, '1',SELECT tells()"}, {2, "DO $$BEGIN notify a; END$$", 'I', "NOTIFY marker, '2',DO $$BEGIN notify a; END$$"}},
		"who may": {
			{1, "SELECT dynamic()", 'I', "SELECT dynamic()"}, {1, "NOTIFY a", 'I', "NOTIFY marker, '1',NOTIFY a"}, {1, "SELECT dynamic()", 'I', "SELECT dynamic()"},
			{2, "SELECT dynamic()", 'I', "NOTIFY marker, '0',SELECT dynamic()"}, {3, "SELECT dynamic()", 'I', "SELECT dynamic()"}},
		"who may later": {
			{1, "NOTIFY a", 'I', "NOTIFY marker, '1',NOTIFY a"}, {2, "BEGIN", 'T', "NOTIFY marker, '0',BEGIN"}, {2, "SELECT dynamic()", 'T', "SELECT dynamic()"}},
		"a transaction that is begun with one": {
			{1, "NOTIFY a", 'I', "NOTIFY marker, '1',NOTIFY a"}, {1, "BEGIN", 'T', "BEGIN"}, {1, "NOTIFY a", 'T', "NOTIFY a"}},
	} {
		m := newMarked()
		for i, s := range steps {
			if got := m.says(s.who, s.text, s.status); got != s.want {
				t.Errorf("%s, %d: %s\ngot  %s\nwant %s", name, i, s.text, got, s.want)
			}
		}
		if m.doubts != 0 {
			t.Errorf("%s: doubted", name)
		}
	}
}

// In a transaction they are part of it, ahead of every text.
func TestMarkersInATransaction(t *testing.T) {
	m := newMarked()
	m.server.Status = pgwire.StatusActive
	for range 2 {
		m.who = 1
		client := &Client{Conn: aClient, Slot: 1}
		client.Feed(m.env, m.server, query("NOTIFY a"))
		if got := m.takes(aServer); !strings.Contains(got, "NOTIFY marker, '1'") || strings.HasPrefix(got, "Q") || !strings.HasSuffix(got, "S,QNOTIFY a") {
			t.Errorf("the server is told %s", got)
		}
		m.server.owed = Owed{}
	}
	m.server.Status = pgwire.StatusIdle
	if got := m.says(1, "NOTIFY a", 'I'); got != "NOTIFY marker, '1',NOTIFY a" {
		t.Errorf("behind it, which may have been rolled back: %s", got)
	}
}

// Where no marker can be relied on, nobody is.
func TestDoubt(t *testing.T) {
	for text, want := range map[string]int{"SELECT 1": 0, "SELECT dynamic()": 1, "ROLLBACK TO s; NOTIFY a": 1, "NOTIFY a": 0} {
		m := newMarked()
		m.says(1, "NOTIFY a", 'I')
		m.server.Status = pgwire.StatusActive // begun, before it was known that there is who may
		m.who = 2
		(&Client{Conn: aClient, Slot: 2}).Feed(m.env, m.server, query(text))
		if m.doubts != want {
			t.Errorf("%s: doubted %d times, want %d", text, m.doubts, want)
		}
	}
	m := newMarked()
	m.who = 1
	client := &Client{Conn: aClient, Slot: 1}
	client.Feed(m.env, m.server, query("NOTIFY a"))
	m.server.Feed(m.env, client, pgwire.AppendError(nil, "ERROR", "55P03", "canceling statement due to lock timeout", "", ""))
	if m.doubts != 1 || len(m.sent[aClient]) > 0 {
		t.Errorf("doubted %d times; the client is told %s", m.doubts, m.takes(aClient))
	}
}

// Where nobody listens nothing is said, and again when somebody else begins to.
func TestWhoHearsMarkers(t *testing.T) {
	m := newMarked()
	m.hears.Store(0)
	if got := m.says(1, "NOTIFY a", 'I'); got != "NOTIFY a" {
		t.Error(got)
	}
	for since := range uint64(2) {
		m.hears.Store(since + 1)
		if got := m.says(1, "NOTIFY a", 'I'); got != "NOTIFY marker, '1',NOTIFY a" {
			t.Error(got)
		}
	}
	m.server.Markers = nil // in recovery
	if got := m.says(2, "NOTIFY a", 'I'); got != "NOTIFY a" {
		t.Error(got)
	}
}

// What defines something that notifies makes a suspect.
func TestNotifyInADefinition(t *testing.T) {
	var st sql.Statement
	text := []byte("CREATE RULE x AS ON INSERT TO t DO ALSO NOTIFY a")
	sql.Scan(text, &st)
	if !defines(&st, text, 0) {
		t.Errorf("%s: %v", text, st.Effects)
	}
}

// A batch that begins with what runs nothing may come to run what notifies; then it is too late.
func TestMarkersAheadOfABatch(t *testing.T) {
	for _, typ := range []byte{pgwire.Describe, pgwire.Close} {
		m := newMarked()
		m.says(1, "NOTIFY a", 'I')
		m.who = 2
		client := &Client{Conn: aClient, Slot: 2}
		client.Feed(m.env, m.server, pgwire.AppendStatement(nil, typ, []byte("x")))
		if told := m.takes(aServer); !strings.HasPrefix(told, "QNOTIFY marker, '0'") {
			t.Errorf("%c: the server is told %q", typ, told)
		}
	}
}

// On a server that only reads nothing is sent, so nothing is said ahead: Postgres would refuse that, and with it the transaction.
func TestNoMarkersWhereNothingIsSent(t *testing.T) {
	m := newMarked()
	m.server.ReadsOnly = true
	if told := m.says(1, "NOTIFY a", 'I'); told != "NOTIFY a" {
		t.Errorf("the server is told %s", told)
	}
}
