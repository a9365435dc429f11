package prepared

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// The tables do, over many random steps, what a simple model of them does. A failure names its seed.

const (
	modelSeeds = 30
	modelSteps = 20_000
)

func eachSeed(t *testing.T, f func(t *testing.T, r *rand.Rand)) {
	for seed := range uint64(modelSeeds) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { f(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func TestServerSetModel(t *testing.T) {
	eachSeed(t, func(t *testing.T, r *rand.Rand) {
		var (
			s       ServerSet
			order   []Hash // most recently used first
			version = map[Hash]uint32{}
			pinned  = map[Hash]bool{}
			space   = 8 << r.IntN(8) // few hashes collide and repeat, many make the table grow
		)
		use := func(h Hash) {
			order = slices.Insert(slices.DeleteFunc(order, func(o Hash) bool { return o == h }), 0, h)
			pinned[h] = true
		}
		forget := func(h Hash) {
			order = slices.DeleteFunc(order, func(o Hash) bool { return o == h })
			delete(version, h)
			delete(pinned, h)
		}
		for step := range modelSteps / 4 {
			h, v := hashNo(r.IntN(space)*[]int{1, 16}[r.IntN(2)]), uint32(r.IntN(2))
			switch r.IntN(10) {
			case 0, 1, 2:
				s.Add(h, v)
				version[h] = v
				use(h)
			case 3, 4, 5:
				want := Absent
				if have, ok := version[h]; ok {
					use(h)
					if want = Stale; have == v {
						want = Present
					}
				}
				if got := s.Has(h, v); got != want {
					t.Fatalf("step %d: state %v, want %v", step, got, want)
				}
			case 6:
				_, want := version[h]
				if s.Remove(h) != want {
					t.Fatalf("step %d: Remove is not %v", step, want)
				}
				forget(h)
			case 7:
				s.Unpin()
				clear(pinned)
			case 8:
				limit := r.IntN(space)
				busy := func(o Hash) bool { return o[0]%4 == 0 }
				var want Hash
				found := false
				for i := len(order) - 1; i >= 0 && len(order) > limit && !found; i-- {
					if !pinned[order[i]] && !busy(order[i]) {
						want, found = order[i], true
					}
				}
				got, ok := s.Evict(limit, busy)
				if got != want || ok != found {
					t.Fatalf("step %d: evicted %x, %v; want %x, %v", step, got, ok, want, found)
				}
				if found {
					forget(want)
				}
			case 9:
				if r.IntN(50) == 0 {
					s.Clear()
					order = nil
					clear(version)
					clear(pinned)
				}
			}
			if step%16 == 0 {
				checkServerSet(t, step, &s, order, version)
			}
		}
	})
}

func checkServerSet(t *testing.T, step int, s *ServerSet, order []Hash, version map[Hash]uint32) {
	t.Helper()
	var got []Hash
	s.Each(func(h Hash, v uint32) {
		got = append(got, h)
		if v != version[h] {
			t.Fatalf("step %d: version %d, want %d", step, v, version[h])
		}
		if i := s.find(h); i == 0 {
			t.Fatalf("step %d: %x is in the ring and not found", step, h)
		}
	})
	if !slices.Equal(got, order) || s.Len() != len(order) {
		t.Fatalf("step %d: %d statements in wrong order, want %d", step, s.Len(), len(order))
	}
}

func TestNamesAndStatementsModel(t *testing.T) {
	eachSeed(t, func(t *testing.T, r *rand.Rand) {
		const clients = 40
		var (
			s     = NewStatements()
			n     = NewNames()
			heads [clients]uint32
			model [clients]map[string]string // name → text
		)
		for c := range model {
			model[c] = map[string]string{}
		}
		for step := range modelSteps {
			c := r.IntN(clients)
			name := fmt.Sprintf("%0*d", r.IntN(40), r.IntN(30))
			switch r.IntN(8) {
			case 0, 1, 2:
				text := fmt.Sprintf("SELECT %d", r.IntN(200))
				id := s.Intern(0, noTypes, []byte(text))
				old, ok := n.Set(uint32(c), &heads[c], []byte(name), id)
				if _, had := model[c][name]; !ok || had != (old != None) {
					t.Fatalf("step %d: Set replaced %d, %v; had one: %v", step, old, ok, had)
				}
				if old != None {
					if string(s.Text(old)) != model[c][name] {
						t.Fatalf("step %d: replaced %q, want %q", step, s.Text(old), model[c][name])
					}
					s.Release(old)
				}
				model[c][name] = text
			case 3, 4, 5:
				id, ok := n.Get(uint32(c), []byte(name))
				want, had := model[c][name]
				if ok != had || ok && string(s.Text(id)) != want {
					t.Fatalf("step %d: %q is %d, %v; want %q, %v", step, name, id, ok, want, had)
				}
				if ok && model[c][string(n.NameOf(uint32(c), &heads[c], id))] != want {
					t.Fatalf("step %d: NameOf gives a name of another statement", step)
				}
			case 6:
				id, ok := n.Delete(uint32(c), &heads[c], []byte(name))
				if _, had := model[c][name]; ok != had {
					t.Fatalf("step %d: Delete %v, want %v", step, ok, had)
				}
				if ok {
					s.Release(id)
				}
				delete(model[c], name)
			case 7:
				if r.IntN(20) > 0 {
					continue
				}
				var texts []string
				n.Clear(uint32(c), &heads[c], func(id StmtID) {
					texts = append(texts, string(s.Text(id)))
					s.Release(id)
				})
				slices.Sort(texts)
				if want := slices.Sorted(maps.Values(model[c])); !slices.Equal(texts, want) {
					t.Fatalf("step %d: Clear freed %q, want %q", step, texts, want)
				}
				clear(model[c])
			}
		}
		for c := range model {
			n.Clear(uint32(c), &heads[c], s.Release)
		}
		if n.Len() != 0 || n.set.names.len() != 0 || n.set.size != 0 || s.Len() != 0 {
			t.Fatalf("left: %d bindings, %d names, %d statements", n.Len(), n.set.names.len(), s.Len())
		}
	})
}
