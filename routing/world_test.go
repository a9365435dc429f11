package routing

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// world is a few servers of one cluster that replicate, are killed, begun anew, promoted and demoted, in any order, whether that is
// wise or not; and a pool that writes where its Tracker says.
type world struct {
	*rand.Rand
	k     *Tracker
	s     Settings
	nodes []*node
	now   int64

	mark     uint64   // the newest
	timeline uint32   // the newest of the world
	told     uint32   // the newest that the tracker was told of
	writes   []write  // that were acknowledged
	asked    []Report // that are under way
}

// node is one server. Its log says which writes it has; its position is how many.
type node struct {
	address  string
	alive    bool
	primary  bool
	timeline uint32
	log      []uint32
}

// write is one that a session was told of, and the mark that was the newest then.
type write struct {
	id   uint32
	mark uint64
}

func newWorld(seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 11))
	s := usual
	s.Passes, s.Fails = 1+r.IntN(3), 1+r.IntN(3)
	w := &world{Rand: r, s: s, k: NewTracker(s), mark: 1, timeline: 1}
	var list []Declared
	for i := range 2 + r.IntN(4) {
		n := &node{address: fmt.Sprint("n", i), alive: true, primary: i == 0, timeline: 1}
		w.nodes, list = append(w.nodes, n), append(list, Declared{Address: n.address, Weight: 1})
	}
	w.k.Declare(0, s, list)
	return w
}

func (w *world) any() *node { return w.nodes[w.IntN(len(w.nodes))] }

// newest is the primary of the newest timeline; nil: it is a replica by now.
func (w *world) newest() *node {
	for _, n := range w.nodes {
		if n.primary && n.timeline == w.timeline {
			return n
		}
	}
	return nil
}

func position(n *node) LSN { return LSN(1<<20 + 1000*len(n.log) + 100) }

// step does something.
func (w *world) step() {
	w.now += w.Int64N(1e9)
	n := w.any()
	switch w.IntN(24) {
	default:
		w.ask(n)
	case 6, 7, 8, 9, 10:
		w.answer(w.IntN(len(w.asked) + 1))
	case 11, 12, 13:
		w.write()
	case 14, 15, 16, 17:
		w.replicate(n)
	case 18:
		w.restart(n)
	case 19:
		n.alive = w.IntN(3) > 0 // killed, perhaps
	case 20:
		w.promote(n)
	case 21:
		w.demote(n)
	case 22:
		w.k.Failed(w.now, n.address)
	case 23:
		w.k.Succeeded(w.now, n.address)
	}
	w.k.Tick(w.now)
}

// ask is a probe that begins: the answer is of now, but arrives later.
func (w *world) ask(n *node) {
	w.mark++
	p := Report{Address: n.address, Failed: "it is dead"}
	if n.alive {
		p = Report{Address: n.address, InRecovery: !n.primary, Timeline: n.timeline, System: 1, Position: position(n), Mark: w.mark}
	}
	w.settleAsked(n) // one at a time
	w.asked = append(w.asked, p)
}

// answer lets an answer arrive.
func (w *world) answer(i int) {
	if i >= len(w.asked) {
		return
	}
	p := w.asked[i]
	w.asked = slices.Delete(w.asked, i, i+1)
	w.told = max(w.told, p.Timeline)
	w.k.Probed(w.now, p)
}

// settleAsked lets what a server has answered arrive before anything else of it does.
func (w *world) settleAsked(n *node) {
	if i := slices.IndexFunc(w.asked, func(p Report) bool { return p.Address == n.address }); i >= 0 {
		w.answer(i)
	}
}

// write is a session's, where the tracker says.
func (w *world) write() {
	if i := w.k.Topology(w.now).WriteTarget(); i >= 0 && w.nodes[i].alive && w.nodes[i].primary {
		id := uint32(len(w.writes) + 1)
		w.nodes[i].log = append(w.nodes[i].log, id)
		w.writes = append(w.writes, write{id, w.mark})
	}
}

// replicate lets a replica replay some of a primary that it can follow: whose log goes on where its own ends.
func (w *world) replicate(n *node) {
	from := w.any()
	if w.IntN(2) == 0 && w.newest() != nil {
		from = w.newest()
	}
	if n.primary || !n.alive || !from.primary || !from.alive || from.timeline < n.timeline {
		return
	}
	if at := len(n.log); at < len(from.log) && slices.Equal(n.log, from.log[:at]) {
		n.log = slices.Clone(from.log[:at+1+w.IntN(len(from.log)-at)])
		n.timeline = from.timeline // told as soon as it follows
	}
}

// restart begins a server anew, as what it was. A replica may begin from an earlier position, and connections to it end.
func (w *world) restart(n *node) {
	w.settleAsked(n)
	if !n.primary {
		n.log = n.log[:len(n.log)-w.IntN(1+min(3, len(n.log)))]
	}
	n.alive = true
	w.k.Ended(w.now, n.address)
}

func (w *world) promote(n *node) {
	if n.primary || !n.alive {
		return
	}
	w.timeline++
	n.primary, n.timeline = true, w.timeline
	n.log = append(slices.Clip(n.log), 0) // the end of recovery is written
}

// demote makes a replica of a server, with what it has in common with the newest primary.
func (w *world) demote(n *node) {
	newest := w.newest()
	if newest == nil || newest == n {
		return
	}
	same := 0
	for same < min(len(n.log), len(newest.log)) && n.log[same] == newest.log[same] {
		same++
	}
	w.settleAsked(n)
	n.primary, n.alive, n.timeline, n.log = false, true, newest.timeline, slices.Clone(newest.log[:same])
	w.k.Ended(w.now, n.address)
}

// calm lets one primary be left, all replicas follow it, and all be probed.
func (w *world) calm() *node {
	if w.newest() == nil {
		w.restart(w.nodes[0])
		w.nodes[0].primary = false
		w.promote(w.nodes[0])
	}
	newest := w.newest()
	newest.alive = true
	w.now += int64(w.s.BreakerOpen)
	for _, n := range w.nodes {
		w.demote(n)
		n.log, n.timeline = slices.Clone(newest.log), newest.timeline
	}
	for range w.s.Passes + 1 {
		for _, n := range append([]*node{newest}, w.nodes...) {
			w.ask(n)
			w.settleAsked(n)
		}
	}
	return newest
}
