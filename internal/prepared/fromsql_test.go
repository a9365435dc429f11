package prepared

import (
	"strings"
	"testing"
)

// TestInternSQL: what PREPARE makes is one statement if the text is, and never one with the protocol's.
func TestInternSQL(t *testing.T) {
	s := NewStatements()
	text := []byte(`PREPARE "Plan" (int) AS SELECT $1`)
	id := s.InternSQL(1, []byte("Plan"), text, 8, 14)
	if id == None || !s.FromSQL(id) || string(s.SQLName(id)) != "Plan" || string(s.Text(id)) != string(text) {
		t.Fatalf("%d is %q by %q", id, s.Text(id), s.SQLName(id))
	}
	if got, want := string(s.AppendPrepare(nil, id)), "PREPARE "+string(s.ServerName(id))+" (int) AS SELECT $1"; got != want {
		t.Errorf("it is made by %q and not by %q", got, want)
	}
	if again := s.InternSQL(1, []byte("Plan"), text, 8, 14); again != id {
		t.Errorf("the same statement is %d and %d", id, again)
	}
	if other := s.InternSQL(2, []byte("Plan"), text, 8, 14); other == id {
		t.Error("with other settings it is the same")
	}
	for n := range 3 {
		types := make([]byte, 2+4*n)
		types[1] = byte(n)
		protocol := s.Intern(1, types, text)
		if protocol == id || s.FromSQL(protocol) {
			t.Errorf("a Parse with %d types is taken for a PREPARE", n)
		}
	}
}

// TestInternSQLLengths: names of every length come back as they were; what cannot be a name is refused.
func TestInternSQLLengths(t *testing.T) {
	s := NewStatements()
	for n := 1; n <= maxSQLName; n++ {
		name := []byte(strings.Repeat("n", n))
		id := s.InternSQL(0, name, append([]byte("PREPARE "), name...), 8, 8+n)
		if id == None || string(s.SQLName(id)) != string(name) || !s.FromSQL(id) {
			t.Fatalf("a name of %d bytes is not kept", n)
		}
		if start, end := s.SQLNameAt(id); start != 8 || end != 8+n {
			t.Fatalf("a name at 8 to %d is at %d to %d", 8+n, start, end)
		}
	}
	for _, name := range []string{"", strings.Repeat("n", maxSQLName+1)} {
		if id := s.InternSQL(0, []byte(name), []byte("PREPARE"), 0, 0); id != None {
			t.Errorf("%q is a name", name)
		}
	}
	if id := s.InternSQL(0, []byte("n"), make([]byte, MaxText+1), 8, 9); id != None {
		t.Error("a text beyond MaxText is kept")
	}
}

// TestLatest: a client's names, one after the other.
func TestLatest(t *testing.T) {
	n := NewNames()
	var head uint32
	if _, _, ok := n.Latest(head); ok {
		t.Fatal("a client without names has one")
	}
	for i, name := range []string{"a", "b", "c"} {
		n.Set(7, &head, []byte(name), StmtID(i+1))
	}
	n.Set(7, &head, []byte("b"), 9)
	for _, want := range []struct {
		name string
		stmt StmtID
	}{{"c", 3}, {"b", 9}, {"a", 1}} {
		name, stmt, ok := n.Latest(head)
		if !ok || string(name) != want.name || stmt != want.stmt {
			t.Fatalf("the latest is %q for %d, and not %q for %d", name, stmt, want.name, want.stmt)
		}
		n.Delete(7, &head, name)
	}
}
