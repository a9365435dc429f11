package routing

import (
	"slices"
	"testing"
)

const keys = 100000

// where is the address that each key goes to.
func where(list []Candidate) []string {
	p, at := &Hash{Source: KeyUser}, make([]string, keys)
	for k := range at {
		q := Request{Key: uint64(k + 1), Random: uint64(k) << 40}
		at[k] = list[p.Select(list, &q)].Address
	}
	return at
}

func TestAKeyAlwaysGoesToTheSame(t *testing.T) {
	list := weights(1, 2, 3)
	first := where(list)
	slices.Reverse(list) // whatever the order
	if !slices.Equal(first, where(list)) {
		t.Error("keys go elsewhere the second time")
	}
}

// TestKeysAreBalanced: within 5 percent of their share, for equal weights and for others.
func TestKeysAreBalanced(t *testing.T) {
	for _, list := range [][]Candidate{equal(2), equal(3), equal(20), weights(1, 2, 3), weights(1, 1, 8)} {
		got := map[string]int{}
		for _, a := range where(list) {
			got[a]++
		}
		for _, c := range list {
			want := float64(keys) * float64(c.Weight) / float64(totalWeight(list))
			if off := float64(got[c.Address])/want - 1; off < -0.05 || off > 0.05 {
				t.Errorf("%s of %d has %d keys and not %.0f", c.Address, len(list), got[c.Address], want)
			}
		}
	}
}

// TestOnlyTheKeysOfOneThatGoesMove: to anybody, and when it returns, so do they. How many that are is its share, within 5 percent.
func TestOnlyTheKeysOfOneThatGoesMove(t *testing.T) {
	for _, list := range [][]Candidate{equal(5), weights(1, 2, 3, 4)} {
		before := where(list)
		for gone := range list {
			after := where(slices.Delete(slices.Clone(list), gone, gone+1))
			moved := 0
			for k := range before {
				if before[k] != after[k] {
					moved++
					if before[k] != list[gone].Address {
						t.Fatalf("key %d moved from %s, which stays", k, before[k])
					}
				}
			}
			share := float64(list[gone].Weight) / float64(totalWeight(list))
			if float64(moved) > 1.05*share*keys {
				t.Errorf("%d of %d keys moved, %s had %.2f of them", moved, keys, list[gone].Address, share)
			}
		}
	}
}

// TestKeysMoveOnlyToWhoseWeightGrows: as in slow start.
func TestKeysMoveOnlyToWhoseWeightGrows(t *testing.T) {
	list := equal(4)
	list[2].Weight = WeightUnit / 16
	before := where(list)
	for part := uint32(2); part <= 16; part += 7 {
		list[2].Weight = part * WeightUnit / 16
		after := where(list)
		for k := range before {
			if before[k] != after[k] && after[k] != list[2].Address {
				t.Fatalf("a key moved from %s to %s", before[k], after[k])
			}
		}
		before = after
	}
}

func TestWithoutAKeyAnyoneIsSelected(t *testing.T) {
	list, got := weights(1, 3), make([]int, 2)
	next := requests(6)
	for range 10000 {
		q := next()
		q.Key = 0
		got[(&Hash{}).Select(list, q)]++
	}
	checkShares(t, "no key", list, got)
}

func TestHashTellsWhatItWants(t *testing.T) {
	var p Keyed = &Hash{Source: KeyComment, Name: "tenant"}
	if source, name := p.KeyOf(); source != KeyComment || name != "tenant" {
		t.Error(source, name)
	}
}

func TestSumIsTheSameInAllProcesses(t *testing.T) {
	if got := Sum("10.0.0.1:5432"); got != Sum([]byte("10.0.0.1:5432")) || got != 0x478f6cc38963fa19 {
		t.Errorf("%#x", got)
	}
}
