// Package sim is a simulated world for the engine: connections, a clock, Postgres servers and clients, all in one
// thread and all decided by a seed. A run is a list of small steps, and after every step the rules of
// docs/design.md that can be observed from outside are checked; a failure prints its seed and what led to it.
//
//	clients ──pipes── Driver ◀─▶ engine shard ──▶ Driver ──pipes── backends
//	   │                                            ▲ tap             │
//	   │ compares every byte with what a private    │ whose bytes     │ a small Postgres:
//	   ▼ Postgres of its own would have answered     │ go where?       ▼ package sim's Session
//
// What makes it find mistakes is that nothing comes when it is convenient: bytes are cut anywhere, connections overtake
// each other, sockets take less than is sent, servers die, dials fail, cancels arrive late. What makes the mistakes
// visible is that every query carries a tag, and every reply says which tag it answers.
package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// Units of the virtual clock.
const (
	Microsecond int64 = 1000
	Millisecond       = 1000 * Microsecond
	Second            = 1000 * Millisecond
)

// World is what everything simulated has in common: chance, time, descriptors, and the memory of what happened.
type World struct {
	Seed uint64

	random *rand.Rand
	now    int64
	agenda agenda
	order  uint64
	ends   map[int]*end
	lastFD int
	trace  trace
	broken string

	// The engine's surroundings; empty in a world of connections only.
	weather  Weather
	clients  []*Client
	backends []*Backend
	lastPID  uint32
	struck   map[string]bool // statements that a cancel has hit, by tag
	posted   []posted        // the notifications that have been sent
	// listenersSince is when the last server that listens for clients was known to.
	listenersSince int64
	// executions is what backends have done with the clients' statements.
	executions executions
	turn       int      // how many turns the loops have taken
	census     uint64   // counts what changes who is connected, or how many may be
	turnEnds   []func() // to be done when the present turn has ended
	draining   bool     // clients may be told to go
	scarce     bool     // clients may be told that there was no server in time
	// registers is what the database holds; caching: pools have query caches.
	registers *registers
	caching   bool
	// sharing is what this process shares with others.
	sharing sharing
	// cluster is the servers that replicate; nil: there are none. refused is the statements that a replica has refused.
	cluster *cluster
	refused map[string]bool
	// onReplicas counts the queries that replicas have answered.
	onReplicas int
}

// NewWorld returns an empty world.
func NewWorld(seed uint64) *World {
	return &World{
		Seed:       seed,
		random:     rand.New(rand.NewPCG(seed, 0x51D)),
		now:        Second,
		ends:       map[int]*end{},
		struck:     map[string]bool{},
		refused:    map[string]bool{},
		executions: executions{},
		registers:  newRegisters(),
		sharing:    sharing{kept: map[querycache.SharedKey]kept{}},
		lastFD:     1000,
	}
}

// Now is the time, in nanoseconds.
func (w *World) Now() int64 { return w.now }

// Chance is true that often.
func (w *World) Chance(p float64) bool { return p > 0 && w.random.Float64() < p }

// Between is a number from a to b, both included; small ones more often than large ones.
func (w *World) Between(a, b int) int {
	if b <= a {
		return a
	}
	span := b - a + 1
	if w.random.IntN(3) > 0 {
		span = 1 + w.random.IntN(span)
	}
	return a + w.random.IntN(span)
}

// After does something later.
func (w *World) After(delay int64, what func()) {
	w.order++
	heap.Push(&w.agenda, appointment{w.now + max(delay, 0), w.order, what})
}

// advance goes to the next appointment, if it is due by then, and keeps it; else to that time. It reports whether
// something was done.
func (w *World) advance(until int64) bool {
	if len(w.agenda) == 0 || w.agenda[0].at > until {
		w.now = max(w.now, until)
		return false
	}
	a := heap.Pop(&w.agenda).(appointment)
	w.now = max(w.now, a.at)
	a.what()
	return true
}

// Violate notes that a rule was broken; the first time counts.
func (w *World) Violate(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
		w.Note("RULE BROKEN: %s", w.broken)
	}
}

// Broken is the rule that was broken; empty while none is.
func (w *World) Broken() string { return w.broken }

// Checksum is equal for two runs that took the same course.
func (w *World) Checksum() uint64 { return w.trace.sum }

// Note writes a line into the trace.
func (w *World) Note(format string, args ...any) { w.trace.add(w.now, format, args) }

// ReadOnReplicas is how many queries of clients replicas have answered.
func (w *World) ReadOnReplicas() int { return w.onReplicas }

// Story is the seed and the last lines of the trace.
func (w *World) Story(lines int) string {
	return fmt.Sprintf("seed %d, at %s\n%s", w.Seed, clockTime(w.now), w.trace.last(lines))
}

// appointment is something to do at a time. Those of one time happen in the order in which they were made.
type appointment struct {
	at    int64
	order uint64
	what  func()
}

type agenda []appointment

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(appointment)) }
func (a *agenda) Pop() any {
	old := *a
	x := old[len(old)-1]
	old[len(old)-1] = appointment{}
	*a = old[:len(old)-1]
	return x
}

// traceLength is how many lines are remembered.
const traceLength = 20_000

// trace is the last lines of what happened, and a checksum of all, which tells whether two runs were the same.
type trace struct {
	lines []line
	count int
	sum   uint64
}

// line is formatted only when somebody wants to read it; its arguments are values.
type line struct {
	at     int64
	format string
	args   []any
}

func (t *trace) add(at int64, format string, args []any) {
	if len(t.lines) < traceLength {
		t.lines = append(t.lines, line{})
	}
	t.lines[t.count%traceLength] = line{at, format, args}
	t.count++
	t.sum = (t.sum ^ uint64(at) ^ uint64(len(format))<<40) * 1099511628211
}

func (t *trace) last(n int) string {
	var b strings.Builder
	for i := max(0, t.count-min(n, traceLength)); i < t.count; i++ {
		l := &t.lines[i%traceLength]
		fmt.Fprintf(&b, "%s %s\n", clockTime(l.at), fmt.Sprintf(l.format, l.args...))
	}
	return b.String()
}

func clockTime(ns int64) string { return fmt.Sprintf("%12.6f", float64(ns)/float64(Second)) }
