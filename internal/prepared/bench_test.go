package prepared

import (
	"fmt"
	"reflect"
	"testing"
)

var benchText = []byte("SELECT abalance FROM pgbench_accounts WHERE aid = $1;")

// Nothing allocates when texts, names and servers are those seen before.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	var (
		s      = NewStatements()
		n      = NewNames()
		server ServerSet
		head   uint32
		name   = []byte("stmtcache_1f3a")
		other  = []byte("SELECT 2")
	)
	held := s.Intern(0, noTypes, benchText)
	n.Set(1, &head, name, held)
	server.Add(s.Hash(held), 0)
	for i := range 100 {
		server.Add(hashNo(i), 0)
	}
	release := func(id StmtID) {}
	for what, f := range map[string]func(){
		"Intern of a known text":     func() { s.Release(s.Intern(0, noTypes, benchText)) },
		"Intern of a forgotten text": func() { s.Release(s.Intern(0, noTypes, other)) },
		"ServerName":                 func() { _ = s.ServerName(held) },
		"Get":                        func() { n.Get(1, name) },
		"NameOf":                     func() { n.NameOf(1, &head, held) },
		"Set and Delete": func() {
			var h uint32
			n.Set(2, &h, name, held)
			n.Delete(2, &h, name)
		},
		"Set and Clear of a name of one's own": func() {
			var h uint32
			n.Set(2, &h, other, held)
			n.Clear(2, &h, release)
		},
		"Has":                   func() { server.Has(s.Hash(held), 0); server.Unpin() },
		"Evict and Add":         func() { h, _ := server.Evict(50, nil); server.Add(h, 0); server.Unpin() },
		"Remove and Add, Clear": func() { server.Remove(hashNo(7)); server.Add(hashNo(7), 0) },
	} {
		f()
		if got := testing.AllocsPerRun(200, f); got != 0 {
			t.Errorf("%s: %v allocations", what, got)
		}
	}
}

// What clients and servers cost the collector: nothing, for there is no pointer in it.
func TestEntriesHoldNoPointers(t *testing.T) {
	for _, v := range []any{binding{}, meaning{}, nameEntry{}, slot{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			switch k := typ.Field(i).Type.Kind(); k {
			case reflect.Pointer, reflect.Slice, reflect.Map, reflect.String, reflect.Interface, reflect.Func:
				t.Errorf("%v.%s is a %v", typ, typ.Field(i).Name, k)
			}
		}
	}
}

func BenchmarkIntern(b *testing.B) {
	s := NewStatements()
	s.Intern(0, noTypes, benchText)
	b.ReportAllocs()
	for b.Loop() {
		s.Release(s.Intern(0, noTypes, benchText))
	}
}

func BenchmarkNamesGet(b *testing.B) {
	for _, clients := range []int{1, 1_000, 100_000} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			n := NewNames()
			name := []byte("P_0")
			heads := make([]uint32, clients)
			for c := range heads {
				n.Set(uint32(c), &heads[c], name, 1)
				n.Set(uint32(c), &heads[c], []byte("P_1"), 2)
			}
			c := uint32(0)
			for b.Loop() {
				if c += 7919; c >= uint32(clients) {
					c %= uint32(clients)
				}
				n.Get(c, name)
			}
		})
	}
}

func BenchmarkServerSetHas(b *testing.B) {
	for _, size := range []int{1, 10, 1_000} {
		b.Run(fmt.Sprintf("statements=%d", size), func(b *testing.B) {
			s := NewStatements()
			var set ServerSet
			hashes := make([]Hash, size)
			for i := range hashes {
				hashes[i] = s.Hash(s.Intern(0, noTypes, fmt.Appendf(nil, "SELECT %d", i)))
				set.Add(hashes[i], 0)
			}
			i := 0
			for b.Loop() {
				if i++; i == size {
					i = 0
				}
				if set.Has(hashes[i], 0) != Present {
					b.Fatal("bug")
				}
			}
		})
	}
}

func BenchmarkEvictAndAdd(b *testing.B) {
	var set ServerSet
	for i := range 1_000 {
		set.Add(hashOf(0, nil, fmt.Appendf(nil, "%d", i)), 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		set.Unpin()
		h, _ := set.Evict(999, nil)
		set.Add(h, 0)
	}
}
