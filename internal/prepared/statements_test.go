package prepared

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

var noTypes = []byte{0, 0}

func mustIntern(t testing.TB, s *Statements, settings uint64, types, text string) StmtID {
	t.Helper()
	id := s.Intern(settings, []byte(types), []byte(text))
	if id == None {
		t.Fatalf("%q was not interned", text)
	}
	return id
}

func TestEqualStatementsAreOne(t *testing.T) {
	s := NewStatements()
	a := mustIntern(t, s, 1, "\x00\x00", "SELECT 1")
	b := mustIntern(t, s, 1, "\x00\x00", "SELECT 1")
	if a != b {
		t.Fatalf("equal statements are %d and %d", a, b)
	}
	if s.Len() != 1 {
		t.Fatalf("%d statements", s.Len())
	}
	if got := s.Text(a); string(got) != "SELECT 1" {
		t.Errorf("text is %q", got)
	}
	if got := s.Types(a); string(got) != "\x00\x00" {
		t.Errorf("types are %q", got)
	}
	s.Release(a)
	if string(s.Text(b)) != "SELECT 1" {
		t.Error("gone with one reference left")
	}
	s.Release(b)
	if s.Len() != 0 {
		t.Errorf("%d statements left", s.Len())
	}
}

// Equal text under another search_path, role or parameter types is another statement.
func TestTrap18AnotherMeaningIsAnotherStatement(t *testing.T) {
	s := NewStatements()
	ids := map[StmtID]bool{}
	hashes := map[Hash]bool{}
	for _, c := range []struct {
		settings    uint64
		types, text string
	}{
		{0, "\x00\x00", "SELECT $1"},
		{1, "\x00\x00", "SELECT $1"},
		{0, "\x00\x01\x00\x00\x00\x17", "SELECT $1"},
		{0, "\x00\x01\x00\x00\x00\x19", "SELECT $1"},
		{0, "\x00\x00", "SELECT  $1"},
		{0, "\x00\x00", ""},
		{0, "\x00\x00S", "ELECT $1"}, // no byte passes from the types to the text
	} {
		id := mustIntern(t, s, c.settings, c.types, c.text)
		ids[id], hashes[s.Hash(id)] = true, true
	}
	if len(ids) != 7 || len(hashes) != 7 {
		t.Errorf("7 statements have %d ids and %d hashes", len(ids), len(hashes))
	}
}

func TestAHashIsTheSameOnEveryShard(t *testing.T) {
	a, b := NewStatements(), NewStatements()
	mustIntern(t, b, 0, "", "something else first")
	x := mustIntern(t, a, 7, "\x00\x00", "SELECT 1")
	y := mustIntern(t, b, 7, "\x00\x00", "SELECT 1")
	if a.Hash(x) != b.Hash(y) || !bytes.Equal(a.ServerName(x), b.ServerName(y)) {
		t.Error("two shards give one statement two names")
	}
}

func TestServerNames(t *testing.T) {
	s := NewStatements()
	id := mustIntern(t, s, 0, "", "SELECT 1")
	name := s.ServerName(id)
	if len(name) != ServerNameLen || !strings.HasPrefix(string(name), ServerNamePrefix) {
		t.Fatalf("the name is %q", name)
	}
	h, ok := ParseServerName(name)
	if !ok || h != s.Hash(id) {
		t.Fatalf("%q is read back as %x, %v", name, h, ok)
	}
	if found, ok := s.Find(h); !ok || found != id {
		t.Errorf("found %d, %v by its hash", found, ok)
	}
	for _, other := range []string{"", "S_1", "pgmux_", string(name[:37]), string(name) + "0", "pgmux_" + strings.Repeat("z", 32)} {
		if _, ok := ParseServerName([]byte(other)); ok {
			t.Errorf("%q is taken for ours", other)
		}
	}
}

func TestInternKeepsNoReferenceToItsArguments(t *testing.T) {
	s := NewStatements()
	text, types := []byte("SELECT 1"), []byte{0, 0}
	id := s.Intern(0, types, text)
	copy(text, "DROP 2  ")
	types[1] = 9
	if string(s.Text(id)) != "SELECT 1" || s.Types(id)[1] != 0 {
		t.Error("the statement changed with the caller's buffer")
	}
}

func TestLongTextsAreNotInterned(t *testing.T) {
	s := NewStatements()
	if id := s.Intern(0, noTypes, make([]byte, MaxText+1)); id != None {
		t.Error("a text beyond MaxText was interned")
	}
	if id := s.Intern(0, noTypes, make([]byte, MaxText)); id == None {
		t.Error("a text of MaxText was not")
	}
}

func TestTextsAreBoundTogether(t *testing.T) {
	s := NewStatements()
	text := make([]byte, MaxText)
	var held []StmtID
	for i := 0; ; i++ {
		copy(text, fmt.Sprint(i))
		id := s.Intern(0, noTypes, text)
		if id == None {
			break
		}
		held = append(held, id)
		if s.Bytes() > MaxTextBytes {
			t.Fatalf("%d bytes are held", s.Bytes())
		}
	}
	s.Release(held[0])
	if s.Intern(0, noTypes, text) == None {
		t.Error("there is no room after a release")
	}
}

// Trap 19: a statement whose result changed is prepared anew, under the name it has.
func TestTrap19InvalidateMakesServersStale(t *testing.T) {
	s := NewStatements()
	var server ServerSet
	id := mustIntern(t, s, 0, "", "SELECT * FROM t")
	server.Add(s.Hash(id), s.Version(id))
	name := string(s.ServerName(id))
	s.Invalidate(id)
	if got := server.Has(s.Hash(id), s.Version(id)); got != Stale {
		t.Fatalf("state is %v, want Stale", got)
	}
	if string(s.ServerName(id)) != name {
		t.Error("the name changed")
	}
	server.Remove(s.Hash(id))
	server.Add(s.Hash(id), s.Version(id))
	if got := server.Has(s.Hash(id), s.Version(id)); got != Present {
		t.Errorf("state is %v, want Present", got)
	}
}

// What was invalidated and then forgotten is still stale on servers when it comes again.
func TestVersionsOutliveStatements(t *testing.T) {
	s := NewStatements()
	var server ServerSet
	for i := range 2*maxRetired + 10 {
		text := fmt.Sprintf("SELECT %d", i)
		id := mustIntern(t, s, 0, "", text)
		old := s.Version(id)
		server.Clear()
		server.Add(s.Hash(id), old)
		s.Invalidate(id)
		s.Release(id)
		for s.forgetOldest() {
		}
		if i%100 != 0 && i < 2*maxRetired-10 {
			continue
		}
		id = mustIntern(t, s, 0, "", text)
		if got := server.Has(s.Hash(id), s.Version(id)); got != Stale {
			t.Fatalf("statement %d is %v on the server, want Stale", i, got)
		}
		s.Release(id)
	}
	if len(s.retired) > maxRetired {
		t.Errorf("%d versions are remembered", len(s.retired))
	}
}

func TestIdleStatementsAreBounded(t *testing.T) {
	s := NewStatements()
	for i := range 3 * MaxIdle {
		s.Release(mustIntern(t, s, 0, "", fmt.Sprintf("SELECT %d", i)))
	}
	if s.idle.count != MaxIdle || s.Len() != 0 || len(s.list) > MaxIdle+2 {
		t.Errorf("%d idle, %d in use, %d slots", s.idle.count, s.Len(), len(s.list))
	}
	s = NewStatements()
	text := make([]byte, MaxText/2)
	for i := range 50 {
		copy(text, fmt.Sprint(i))
		s.Release(s.Intern(0, noTypes, text))
	}
	if s.Bytes() > MaxIdleBytes {
		t.Errorf("%d bytes are idle", s.Bytes())
	}
}

func TestUseWithoutReferenceIsABug(t *testing.T) {
	s := NewStatements()
	id := mustIntern(t, s, 0, "", "SELECT 1")
	s.Release(id)
	for what, f := range map[string]func(){
		"Text": func() { s.Text(id) }, "Release": func() { s.Release(id) }, "Retain": func() { s.Retain(id) },
	} {
		func() {
			defer func() {
				if r := recover(); r == nil || !strings.HasPrefix(fmt.Sprint(r), "bug: ") {
					t.Errorf("%s of a released statement: %v", what, r)
				}
			}()
			f()
		}()
	}
}
