package routing

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var seed = flag.Uint64("seed", 0, "the seed of the random tests; 0: many")

func seeds(t *testing.T, n uint64, f func(seed uint64) error) {
	t.Helper()
	first, last := uint64(1), n
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for s := first; s <= last; s++ {
		if err := f(s); err != nil {
			t.Fatalf("-seed %d: %v", s, err)
		}
	}
}

// TestTrackerInAWorld: whatever happens,
//
//   - nobody whose timeline is older than the newest told of is written to,
//   - and a replica that is said to have replayed a write has, unless the primary itself has lost it;
//
// and when it has become calm, the primary is found, and all replicas are fresh.
func TestTrackerInAWorld(t *testing.T) {
	wrote, read := 0, 0
	seeds(t, 60, func(seed uint64) error {
		w := newWorld(seed)
		for step := range 1000 {
			w.step()
			if err := w.check(&read); err != nil {
				return fmt.Errorf("step %d: %w", step, err)
			}
		}
		wrote += len(w.writes)
		primary := w.calm()
		topology := w.k.Topology(w.now)
		if got := topology.addressOf(topology.Primary); got != primary.address {
			return fmt.Errorf("writes go to %q and not to %s: %+v", got, primary.address, topology.Upstreams)
		}
		if got, _ := topology.ReadCandidates(nil, w.mark-uint64(2*len(w.nodes)), ReadsReplica); len(got) != len(w.nodes)-1 {
			return fmt.Errorf("in the end only %v are fresh: %+v", got, topology.Upstreams)
		}
		return nil
	})
	if t.Logf("%d writes, %d times one was to be read from a replica", wrote, read); *seed == 0 && (wrote < 2000 || read < 5000) {
		t.Error("hardly anything was tried")
	}
}

// check checks what is promised of the world as it is; read counts.
func (w *world) check(read *int) error {
	topology := w.k.Topology(w.now)
	if err := structure(topology); err != nil {
		return err
	}
	if p := topology.Primary; p >= 0 && topology.Upstreams[p].Timeline < w.told {
		return fmt.Errorf("writes go to %+v, and timeline %d was told of", topology.Upstreams[p], w.told)
	}
	source := w.named(w.k.samples.source.address)
	for _, written := range w.writes[max(len(w.writes)-5, 0):] {
		readers, _ := topology.ReadCandidates(nil, written.mark, ReadsReplica)
		for _, i := range readers {
			*read++
			if n := w.nodes[i]; !slices.Contains(n.log, written.id) && slices.Contains(source.log, written.id) {
				return fmt.Errorf("%s lacks write %d of mark %d: %+v", n.address, written.id, written.mark, topology.Upstreams[i])
			}
		}
	}
	return nil
}

func (w *world) named(address string) *node {
	for _, n := range w.nodes {
		if n.address == address {
			return n
		}
	}
	return &node{}
}

// structure is what any topology keeps.
func structure(t *Topology) error {
	believed, declared := 0, false
	for i := range t.Upstreams {
		s := &t.Upstreams[i]
		declared = declared || s.Declared == Primary
		switch {
		case s.Role == Primary && s.Declared == Replica:
			return fmt.Errorf("a declared replica is primary: %+v", *s)
		case s.Role == Primary && s.Declared == Unknown:
			believed++
		case s.Fresh > 0 && s.Role != Replica && i != t.Primary:
			return fmt.Errorf("fresh without being a replica: %+v", *s)
		case s.Doubted && s.Role == Primary || s.Up != (s.Why == "") || s.Weight == 0:
			return fmt.Errorf("impossible: %+v", *s)
		}
	}
	if believed > 1 || believed > 0 && declared {
		return fmt.Errorf("%d are believed: %+v", believed, t.Upstreams)
	}
	if p := t.Primary; p >= 0 && (!t.Upstreams[p].Up || t.Upstreams[p].Role != Primary) {
		return fmt.Errorf("the primary is not: %+v", t.Upstreams[p])
	}
	return t.checkCandidates()
}

// checkCandidates: nobody gets anything who must not.
func (t *Topology) checkCandidates() error {
	transactions, _ := t.transactionCandidates(nil)
	for prefer := ReadsPreferReplica; prefer <= ReadsAny; prefer++ {
		for _, mark := range []uint64{0, 5} {
			readers, _ := t.ReadCandidates(nil, mark, prefer)
			for _, i := range readers {
				if s := &t.Upstreams[i]; s.TooLate || s.Role == Replica && mark > 0 && s.Fresh <= mark {
					return fmt.Errorf("%v with mark %d is read at %+v", prefer, mark, *s)
				}
			}
			transactions = append(transactions, readers...)
		}
	}
	for _, i := range transactions {
		if s := &t.Upstreams[i]; !s.Up || s.Breaker == Open || s.Doubted && s.Role != Replica {
			return fmt.Errorf("transactions go to %+v", *s)
		}
	}
	return nil
}

// TestTrackerStandsAnything: reports that make no sense, of anybody, with anything declared. Events and topologies stay as promised.
func TestTrackerStandsAnything(t *testing.T) {
	seeds(t, 100, func(seed uint64) error {
		r := rand.New(rand.NewPCG(seed, 12))
		k := NewTracker(usual)
		k.Declare(0, usual, auto("a", "b", "c"))
		now := int64(0)
		for step := range 500 {
			now += r.Int64N(3e9)
			address := string(rune('a' + r.IntN(5)))
			switch r.IntN(12) {
			default:
				k.Probed(now, nonsense(r, address))
			case 0:
				k.Failed(now, address)
			case 1:
				k.Ended(now, address)
			case 2:
				k.Succeeded(now, address)
			case 3:
				k.Admit(now, address)
			case 4:
				if r.IntN(4) == 0 {
					k.Declare(now, anySettings(r), anyDeclared(r))
				}
			}
			before := k.Topology(now)
			if err := structure(before); err != nil {
				return fmt.Errorf("step %d: %w", step, err)
			}
			if k.Topology(now) != before {
				return fmt.Errorf("step %d: another topology at the same time", step)
			}
			if n := len(k.samples.list); n > MaxSamples {
				return fmt.Errorf("step %d: %d samples", step, n)
			}
		}
		return nil
	})
}

func nonsense(r *rand.Rand, address string) Report {
	p := Report{
		Address: address, RoleUnknown: r.IntN(8) == 0, InRecovery: r.IntN(2) == 0, Timeline: r.Uint32N(4),
		System: r.Uint64N(3), Position: LSN(r.Uint64N(1 << 14)), Mark: r.Uint64N(1000),
	}
	if r.IntN(4) == 0 {
		p.Failed = "it does not answer"
	}
	return p
}

func anySettings(r *rand.Rand) Settings {
	s := usual
	s.Passes, s.Fails, s.BreakerFails = r.IntN(3), r.IntN(3), r.IntN(3)
	s.Interval *= time.Duration(min(r.IntN(4), 1)) // mostly
	s.MaxLag, s.SlowStart = time.Duration(r.Int64N(2)*8e9), time.Duration(r.Int64N(2)*9e9)
	return s
}

func anyDeclared(r *rand.Rand) (list []Declared) {
	for _, i := range r.Perm(5)[:r.IntN(6)] {
		list = append(list, Declared{Address: string(rune('a' + i)), Role: Role(r.IntN(3)), Weight: r.IntN(3)})
	}
	return list
}
