package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// formsAddUp checks at the end of every test of a rig that the forms of a pool are all its queries, over all shards. A shard that has met a bug
// has forgotten what servers had counted that went to others.
func (r *rig) formsAddUp() {
	if r.crashes || r.Failed() {
		return
	}
	for _, pool := range r.declared() {
		var counted, told uint64
		for _, l := range r.loops {
			s := l.shard
			for p := range s.eachPool {
				if p.shared.pool != pool {
					continue
				}
				counted += p.counts.Queries
				for srv := range p.servers {
					counted += srv.Queries
				}
			}
			if f := s.forgotten[pool]; f != nil {
				counted += f.Queries
			}
			if b := s.busiest[pool]; b != nil {
				all := b.all()
				told += all.calls
				if all.longest > r.now-int64(time.Hour) { // which is when a rig begins
					r.Errorf("a query of pool %s is said to have taken %v, longer than there was anything", pool, time.Duration(all.longest))
				}
			}
		}
		if counted != told {
			r.Errorf("pool %s has counted %d queries, and its forms are %d", pool, counted, told)
		}
	}
}

// declared is the names of the pools that have been declared all the time.
func (r *rig) declared() (names []string) {
	for i := range r.e.config.Load().Pools {
		if name := r.e.config.Load().Pools[i].Name; !r.undeclared[name] {
			names = append(names, name)
		}
	}
	return names
}

// all is the sum of a pool's forms.
func (b *busiest) all() (sum figures) {
	sum.add(&b.other)
	sum.add(&b.unread)
	for i := range b.forms {
		sum.add(&b.forms[i].figures)
	}
	return sum
}

// queries is what Engine.Queries tells of a pool, by form.
func (r *rig) queries(pool string) map[string]QueryStats {
	r.Helper()
	c := r.e.Queries()
	r.settle()
	forms := map[string]QueryStats{}
	for _, q := range (<-c)() {
		if q.Pool == pool {
			forms[q.Form] = q
		}
	}
	return forms
}

// formLines writes down what there is to tell of a pool's queries, but for times.
func formLines(forms map[string]QueryStats) (lines []string) {
	for form, q := range forms {
		line := fmt.Sprintf("%s [%s] %d calls", form, q.Kind, q.Calls)
		for _, extra := range []struct {
			n    uint64
			what string
		}{{q.Rows, "rows"}, {q.Errors, "errors"}, {q.CacheHits, "hits"}} {
			if extra.n > 0 {
				line += fmt.Sprintf(", %d %s", extra.n, extra.what)
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// formsAre checks what there is to tell of the queries of pool app: a line for each form, in order.
func (r *rig) formsAre(want ...string) {
	r.Helper()
	slices.Sort(want)
	if got := formLines(r.queries("app")); !slices.Equal(got, want) {
		r.Errorf("the queries are\n  %s\nand not\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// undeclare notes which pools are no longer declared.
func (r *rig) undeclare(next []PoolConfig) {
	for i := range r.e.config.Load().Pools {
		name := r.e.config.Load().Pools[i].Name
		if !slices.ContainsFunc(next, func(p PoolConfig) bool { return p.Name == name }) {
			if r.undeclared == nil {
				r.undeclared = map[string]bool{}
			}
			r.undeclared[name] = true
		}
	}
}
