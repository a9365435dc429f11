package poolhandler

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// busiestQueries asks the engine: those that took most time together come first.
func (p *process) busiestQueries() ([]engine.QueryStats, error) {
	all, err := p.queries()
	slices.SortFunc(all, func(a, b engine.QueryStats) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), strings.Compare(a.Pool, b.Pool), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return all, err
}

// newViewQueries shows the first of them.
func newViewQueries(all []engine.QueryStats) []adminapi.Query {
	all, _ = atMost(all, viewQueries)
	out := make([]adminapi.Query, len(all))
	for i := range all {
		out[i] = newQuery(&all[i])
		out[i].Query = shortened(out[i].Query)
	}
	return out
}

// timeOf is how long queries took together.
func timeOf(all []engine.QueryStats) (sum time.Duration) {
	for i := range all {
		sum += all[i].Total
	}
	return sum
}

// shortened is a text of at most viewQueryText bytes, not cut within a letter.
func shortened(text string) string {
	if len(text) <= viewQueryText {
		return text
	}
	cut := viewQueryText - len("…")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
