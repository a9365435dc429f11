package prepared

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestANameIsItsClientsOwn(t *testing.T) {
	n := NewNames()
	var alice, bob uint32
	n.Set(1, &alice, []byte("S_1"), 10)
	n.Set(2, &bob, []byte("S_1"), 20)
	n.Set(1, &alice, []byte("S_2"), 11)
	for _, c := range []struct {
		client uint32
		name   string
		want   StmtID
	}{{1, "S_1", 10}, {2, "S_1", 20}, {1, "S_2", 11}, {2, "S_2", None}, {3, "S_1", None}, {1, "", None}} {
		got, ok := n.Get(c.client, []byte(c.name))
		if got != c.want || ok != (c.want != None) {
			t.Errorf("client %d's %q is %d, %v; want %d", c.client, c.name, got, ok, c.want)
		}
	}
	if old, ok := n.Set(1, &alice, []byte("S_1"), 12); old != 10 || !ok {
		t.Errorf("Set replaced %d, %v", old, ok)
	}
	if old, ok := n.Delete(2, &bob, []byte("S_1")); old != 20 || !ok {
		t.Errorf("Delete freed %d, %v", old, ok)
	}
	if _, ok := n.Delete(2, &bob, []byte("S_1")); ok || bob != 0 {
		t.Errorf("a freed name is freed again, head %d", bob)
	}
	var freed []StmtID
	n.Clear(1, &alice, func(id StmtID) { freed = append(freed, id) })
	slices.Sort(freed)
	if !slices.Equal(freed, []StmtID{11, 12}) || alice != 0 {
		t.Errorf("Clear freed %v, head %d", freed, alice)
	}
	if n.Len() != 0 || n.set.names.len() != 0 || n.set.size != 0 || len(n.set.byHash) != 0 || len(n.index) != 0 {
		t.Errorf("something is left: %d bindings, %d names, %d bytes", n.Len(), n.set.names.len(), n.set.size)
	}
}

func TestNameOf(t *testing.T) {
	n := NewNames()
	var head uint32
	n.Set(1, &head, []byte("a"), 10)
	n.Set(1, &head, []byte(""), 11)
	if got := n.NameOf(1, &head, 10); string(got) != "a" {
		t.Errorf("statement 10 is called %q", got)
	}
	if got := n.NameOf(1, &head, 11); got == nil || len(got) != 0 {
		t.Errorf("the unnamed statement is called %q, nil: %v", got, got == nil)
	}
	if got := n.NameOf(1, &head, 12); got != nil {
		t.Errorf("a statement of nobody is called %q", got)
	}
	id, stmt, ok := n.GetID(1, []byte("a"))
	if !ok || stmt != 10 || string(n.GetByID(id)) != "a" {
		t.Errorf("by ID: %d, %d, %v", id, stmt, ok)
	}
}

// Trap 12: names as long as a message, which Postgres does not cut off.
func TestTrap12LongNames(t *testing.T) {
	n := NewNames()
	heads := make([]uint32, 2)
	var names [][]byte
	for _, size := range []int{0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 4095, 4096, 4097, 65_536, 1 << 20} {
		names = append(names, bytes.Repeat([]byte("n"), size), append(bytes.Repeat([]byte("n"), size), 'x'))
	}
	for c := range heads {
		for i, name := range names {
			if _, ok := n.Set(uint32(c), &heads[c], name, StmtID(100*c+i+1)); !ok {
				// "n"×16 and "n"×15+"x" differ; equal ones are there already.
				t.Fatalf("no room for %d bytes", len(name))
			}
		}
	}
	for c := range heads {
		for i, name := range names {
			id, ok := n.Get(uint32(c), name)
			if !ok || id != StmtID(100*c+i+1) {
				t.Errorf("client %d's name of %d bytes is %d, %v", c, len(name), id, ok)
			}
			if got := n.NameOf(uint32(c), &heads[c], id); !bytes.Equal(got, name) {
				t.Errorf("client %d's name of %d bytes came back as %d", c, len(name), len(got))
			}
		}
		n.Clear(uint32(c), &heads[c], func(StmtID) {})
	}
	if n.set.size != 0 || len(n.set.bytes.large) != 0 {
		t.Errorf("%d bytes, %d large names left", n.set.size, len(n.set.bytes.large))
	}
}

func TestNamesAreBoundTogether(t *testing.T) {
	n := NewNames()
	var head uint32
	name := []byte(strings.Repeat("n", 16<<20))
	i := 0
	for ; ; i++ {
		copy(name, fmt.Sprintf("%08d", i))
		if _, ok := n.Set(1, &head, name, StmtID(i+1)); !ok {
			break
		}
	}
	if i != MaxNameBytes/len(name) {
		t.Errorf("%d names of %d bytes found room", i, len(name))
	}
	if _, ok := n.Get(1, name); ok || n.Len() != i {
		t.Error("what was refused is there")
	}
	copy(name, "00000000")
	n.Delete(1, &head, name)
	if _, ok := n.Set(1, &head, name, 1); !ok {
		t.Error("no room after a Delete")
	}
}
