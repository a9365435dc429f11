package console

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// sessionWith is a session with so many prepared statements, and a portal for each.
func sessionWith(t *testing.T, n int) *session {
	t.Helper()
	s := newSession(nil, Client{Admin: true}, newFakeWorld(), new(Shared))
	for i := range n {
		if err := s.parse(&pgproto3.Parse{Name: fmt.Sprint(i), Query: "SHOW LISTS"}); err != nil {
			t.Fatal(err)
		}
		if err := s.bind(&pgproto3.Bind{DestinationPortal: fmt.Sprint(i), PreparedStatement: "0"}); err != nil {
			t.Fatal(err)
		}
		s.out = s.out[:0]
	}
	return s
}

// There is one result at most of which rows are left: it may be 100,000 rows.
func TestASessionHasOneUnfinishedResult(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*session) error
	}{
		{"fetched", func(s *session) error { return s.execute(t.Context(), "0", 0) }},
		{"closed", func(s *session) error { return s.close(&pgproto3.Close{ObjectType: 'P', Name: "0"}) }},
		{"bound anew", func(s *session) error { return s.bind(&pgproto3.Bind{DestinationPortal: "0", PreparedStatement: "1"}) }},
	} {
		s := sessionWith(t, 3)
		if err := s.execute(t.Context(), "2", 0); err != nil {
			t.Fatal(err)
		}
		if err := s.execute(t.Context(), "0", 1); err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{0, 1} {
			if p, _ := s.execute(t.Context(), "1", limit).(*problem); p == nil || p.state != limitExceeded {
				t.Errorf("%s: a second one with limit %d: %v", c.name, limit, p)
			}
		}
		if err := s.execute(t.Context(), "2", 0); err != nil || s.unfinished == nil {
			t.Errorf("%s: one that is finished: %v", c.name, err)
		}
		if err := c.end(s); err != nil {
			t.Fatal(err)
		}
		if err := s.execute(t.Context(), "1", 1); err != nil {
			t.Errorf("when the first is %s: %v", c.name, err)
		}
	}
}

// As outside of transactions in Postgres, a portal ends with the next Sync or Query, and what is left of its result with it.
func TestPortalsEndAtSyncAndQuery(t *testing.T) {
	for name, end := range map[string]pgproto3.FrontendMessage{"Sync": &pgproto3.Sync{}, "Query": &pgproto3.Query{String: "SHOW STATE"}} {
		c := talk(t, newFakeWorld(), new(Shared), false)
		c.say(&pgproto3.Parse{Name: "a", Query: "SHOW LISTS"}, &pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "a"},
			&pgproto3.Execute{Portal: "p", MaxRows: 1}, end)
		if answer := c.hear(); !strings.Contains(answer, "PortalSuspended") {
			t.Errorf("%s: %s", name, answer)
		}
		c.say(&pgproto3.Execute{Portal: "p", MaxRows: 1}, &pgproto3.Sync{})
		if answer := c.hear(); answer != "ErrorResponse ERROR 34000 portal \"p\" does not exist\nReadyForQuery I" {
			t.Errorf("behind %s: %s", name, answer)
		}
		c.say(&pgproto3.Bind{PreparedStatement: "a"}, &pgproto3.Sync{})
		if answer := c.hear(); answer != "BindComplete\nReadyForQuery I" {
			t.Errorf("behind %s the statement is gone: %s", name, answer)
		}
	}
}

// What is there already may be replaced where nothing may be added.
func TestTheMostStatementsAndPortalsMayBeReplaced(t *testing.T) {
	s := sessionWith(t, maxPrepared-1)
	for range 2 {
		if err := s.parse(&pgproto3.Parse{Query: "SHOW STATE"}); err != nil {
			t.Error(err)
		}
		if err := s.bind(&pgproto3.Bind{PreparedStatement: "0"}); err != nil {
			t.Error(err)
		}
	}
}

func TestNamesAreBounded(t *testing.T) {
	s := sessionWith(t, 1)
	for _, c := range []struct {
		n  int
		ok bool
	}{{maxName, true}, {maxName + 1, false}} {
		name := strings.Repeat("n", c.n)
		for what, err := range map[string]error{
			"a statement": s.parse(&pgproto3.Parse{Name: name, Query: "SHOW STATE"}),
			"a portal":    s.bind(&pgproto3.Bind{DestinationPortal: name, PreparedStatement: "0"}),
			"a command":   s.parse(&pgproto3.Parse{Query: `PAUSE "` + name + `"`}),
		} {
			if (err == nil) != c.ok {
				t.Errorf("%s of %d bytes: %v", what, c.n, err)
			}
		}
	}
}

// However a session prepares as much as it may, that is some MiB at most.
func TestWhatIsPreparedIsSmall(t *testing.T) {
	const most = 2 << 20
	long := strings.Repeat(" ", maxMessageBytes-1000)
	formats := make([]int16, 30_000)
	before := heap()
	s := newSession(nil, Client{Admin: true}, newFakeWorld(), new(Shared))
	for i := range maxPrepared {
		name := fmt.Sprintf("%0*d", maxName, i)
		if err := s.parse(&pgproto3.Parse{Name: name, Query: strings.Clone(`reload "` + name + `"` + long)}); err != nil {
			t.Fatal(err)
		}
		if err := s.bind(&pgproto3.Bind{DestinationPortal: strings.Clone(name), PreparedStatement: name, ResultFormatCodes: formats}); err != nil {
			t.Fatal(err)
		}
		s.out = s.out[:0]
	}
	if used := heap() - before; used > most {
		t.Errorf("%d KiB", used>>10)
	}
	runtime.KeepAlive(s)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
