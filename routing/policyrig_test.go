package routing

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// weights makes candidates a, b, c… of some weights.
func weights(w ...int) (list []Candidate) {
	for i, w := range w {
		address := fmt.Sprintf("10.0.0.%d:5432", i+1)
		list = append(list, Candidate{Address: address, Hash: Sum(address), Weight: uint32(w) * WeightUnit})
	}
	return list
}

// equal makes n candidates of weight 1.
func equal(n int) []Candidate {
	w := make([]int, n)
	for i := range w {
		w[i] = 1
	}
	return weights(w...)
}

// requests makes transactions with random numbers and keys.
func requests(seed uint64) func() *Request {
	r := rand.New(rand.NewPCG(seed, 3))
	var q Request
	return func() *Request {
		q = Request{Key: max(r.Uint64(), 1), Random: r.Uint64()}
		return &q
	}
}

// count selects n times and counts for each candidate how often.
func count(p Policy, candidates []Candidate, n int) []int {
	next, got := requests(1), make([]int, len(candidates))
	for range n {
		got[p.Select(candidates, next())]++
	}
	return got
}

// all is each policy, new.
func all() map[string]Policy {
	return map[string]Policy{
		"RoundRobin": new(RoundRobin), "WeightedRoundRobin": new(WeightedRoundRobin), "LeastConn": LeastConn{}, "Random": Random{},
		"First": First{}, "Hash": &Hash{Source: KeyUser}, "PeakEWMA": PeakEWMA{},
	}
}

func TestPoliciesSelectOneOfThoseThereAre(t *testing.T) {
	for name, p := range all() {
		r := rand.New(rand.NewPCG(1, 1))
		for range 20000 {
			list := equal(1 + r.IntN(20))
			for i := range list {
				list[i].Weight = 1 + r.Uint32()>>r.IntN(32)
				list[i].Busy, list[i].Latency = r.Int32N(9)-1, r.Int64N(3)*1e6
			}
			q := Request{Key: uint64(r.IntN(3)) << 62, Random: r.Uint64() | uint64(r.IntN(2))*(1<<63-1)}
			if i := p.Select(list, &q); i < 0 || i >= len(list) {
				t.Fatalf("%s selects %d of %d", name, i, len(list))
			}
		}
	}
}

func TestPoliciesDoNotAllocate(t *testing.T) {
	list := weights(1, 2, 3)
	for name, p := range all() {
		next := requests(1)
		if n := testing.AllocsPerRun(1000, func() { p.Select(list, next()) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestPoliciesAreSharedByLoops is for the race detector, and counts: what several loops select together is as even as what one does.
func TestPoliciesAreSharedByLoops(t *testing.T) {
	const loops, each = 4, 6000
	list := weights(1, 2, 3)
	for name, p := range all() {
		var group sync.WaitGroup
		var got [loops][3]int
		for loop := range loops {
			group.Go(func() {
				next := requests(uint64(loop))
				for range each {
					got[loop][p.Select(list, next())]++
				}
			})
		}
		group.Wait()
		for i := range list {
			n, want := 0, loops*each*(i+1)/6
			for loop := range loops {
				n += got[loop][i]
			}
			if name == "WeightedRoundRobin" && n != want {
				t.Errorf("%s: %d got %d and not %d", name, i, n, want)
			}
			if name == "RoundRobin" && n != loops*each/3 {
				t.Errorf("%s: %d got %d", name, i, n)
			}
		}
	}
}

func benchmarkSelect(b *testing.B, p Policy) {
	for name, list := range map[string][]Candidate{"3": weights(1, 2, 3), "20": weights(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
		15, 16, 17, 18, 19, 20), "20-equal": equal(20)} {
		for i := range list {
			list[i].Busy, list[i].Latency = int32(i%7), int64(1e6+i)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			q := Request{Key: 1}
			for b.Loop() {
				q.Key, q.Random = q.Key+1, q.Random+0x9e3779b97f4a7c15
				p.Select(list, &q)
			}
		})
	}
}

func BenchmarkSelectRoundRobin(b *testing.B)         { benchmarkSelect(b, new(RoundRobin)) }
func BenchmarkSelectWeightedRoundRobin(b *testing.B) { benchmarkSelect(b, new(WeightedRoundRobin)) }
func BenchmarkSelectLeastConn(b *testing.B)          { benchmarkSelect(b, LeastConn{}) }
func BenchmarkSelectRandom(b *testing.B)             { benchmarkSelect(b, Random{}) }
func BenchmarkSelectFirst(b *testing.B)              { benchmarkSelect(b, First{}) }
func BenchmarkSelectHash(b *testing.B)               { benchmarkSelect(b, &Hash{}) }
func BenchmarkSelectPeakEWMA(b *testing.B)           { benchmarkSelect(b, PeakEWMA{}) }
