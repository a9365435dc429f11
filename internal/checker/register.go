package checker

import (
	"fmt"
	"sort"
)

// Register is one row. Each version was written in turn: versions and the instants at which they were begun grow.
type Register struct {
	Name string
	// Bypassed tells that its writers do not go through the pooler.
	Bypassed bool
	Writes   []Write
}

// Write is a version, who wrote it, when he asked for it and when he was told that it was committed.
type Write struct {
	Version             int64
	Session             int
	Began, Acknowledged int64
	// Undone tells that it was rolled back: nobody else may ever see it.
	Undone bool
	// How is for people.
	How string
}

// Wrote notes a write. It panics if versions or times do not grow: two have written at once.
func (g *Register) Wrote(w Write) {
	if n := len(g.Writes); n > 0 && (w.Version <= g.Writes[n-1].Version || w.Began < g.Writes[n-1].Began) {
		panic(fmt.Sprintf("bug: %s: after %+v comes %+v", g.Name, g.Writes[n-1], w))
	}
	g.Writes = append(g.Writes, w)
}

// version is the write of a version; the zero Write if there is none.
func (g *Register) version(v int64) Write {
	i := sort.Search(len(g.Writes), func(i int) bool { return g.Writes[i].Version >= v })
	if i == len(g.Writes) || g.Writes[i].Version != v {
		return Write{}
	}
	return g.Writes[i]
}

// wrote reports whether what was read had been written, or was just being written.
func (g *Register) wrote(r *Read) bool {
	w := g.version(r.Version)
	return w.Version == r.Version && w.Version != 0 && !w.Undone && w.Began <= r.Ended
}

// last is the last version that was acknowledged before an instant; 0 if none was, or there is no register.
func (g *Register) last(before int64) int64 {
	if g == nil {
		return 0
	}
	later := sort.Search(len(g.Writes), func(i int) bool { return g.Writes[i].Began >= before })
	for i := later - 1; i >= 0; i-- {
		if w := &g.Writes[i]; !w.Undone && w.Acknowledged < before {
			return w.Version
		}
	}
	return 0
}

// ownWrites is the writes of each register by the sessions that made them.
func (h *History) ownWrites() []map[int]*Register {
	own := make([]map[int]*Register, len(h.Registers))
	for i := range h.Registers {
		own[i] = map[int]*Register{}
		for _, w := range h.Registers[i].Writes {
			if own[i][w.Session] == nil {
				own[i][w.Session] = &Register{Name: h.Registers[i].Name}
			}
			own[i][w.Session].Wrote(w)
		}
	}
	return own
}
