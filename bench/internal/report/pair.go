package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// Pair is two samples of two contenders in the same mode, taken one after the other.
type Pair [2]Sample

// Pairs writes the table of pairs: a row for each mode and number of clients, in the order in which they first appear. Of ratios it has
// the quartiles, too: half of all lie between them.
func Pairs(w io.Writer, pairs []Pair) error {
	lines := [][]string{
		{"clients", "mode", "first", "second", "pairs", "CPU/query, first", "second", "second / first", "quartiles", "at server/query, second"},
	}
	lines = append(lines, slices.Repeat([]string{"---"}, len(lines[0])))
	for len(pairs) > 0 {
		var same, others []Pair
		for _, p := range pairs {
			if p[0].Mode == pairs[0][0].Mode && p[0].Clients == pairs[0][0].Clients {
				same = append(same, p)
			} else {
				others = append(others, p)
			}
		}
		lines, pairs = append(lines, pairCells(same)), others
	}
	return writeAligned(w, lines)
}

func pairCells(pairs []Pair) []string {
	a, b := pairs[0][0], pairs[0][1]
	of := func(i int) func(Pair) float64 { return func(p Pair) float64 { return float64(p[i].CPU) / 1000 } }
	ratio := func(p Pair) float64 { return float64(p[1].CPU) / float64(max(p[0].CPU, 1)) }
	return []string{
		fmt.Sprint(a.Clients), a.Mode, a.Contender, b.Contender, fmt.Sprint(len(pairs)),
		fmt.Sprintf("%.2f µs", quantile(pairs, 0.5, of(0))), fmt.Sprintf("%.2f µs", quantile(pairs, 0.5, of(1))),
		fmt.Sprintf("%.3f", quantile(pairs, 0.5, ratio)),
		fmt.Sprintf("%.3f – %.3f", quantile(pairs, 0.25, ratio), quantile(pairs, 0.75, ratio)),
		exactly(quantile(pairs, 0.5, func(p Pair) float64 { return p[1].AtServer })),
	}
}

// quantile is that of a figure of pairs.
func quantile[T cmp.Ordered](pairs []Pair, q float64, of func(Pair) T) T {
	var all []T
	for _, p := range pairs {
		all = append(all, of(p))
	}
	slices.Sort(all)
	return all[int(q*float64(len(all)-1))]
}
