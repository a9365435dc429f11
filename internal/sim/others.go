package sim

import (
	"fmt"
	"slices"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// others lets another process write to a register, from time to time. It is committed when all fleets that are joined have heard that it begins: so
// from then on nothing older is given to anybody, which is what the rules of this world demand (registers_check.go). Without that, a process may lag
// behind what another has been told.
func (r *Run) others() {
	r.After(int64(r.Between(int(2*Millisecond), int(60*Millisecond))), func() {
		if r.reckoning || r.draining || r.clientsGone() {
			return
		}
		r.sharing.writes++
		r.othersWrite(fmt.Sprintf("r%d", r.random.IntN(4)), fmt.Sprintf("@other%d@", r.sharing.writes))
		r.others()
	})
}

func (r *Run) othersWrite(name, tag string) {
	written := map[string]string{name: tag}
	if name == "r2" {
		written["r3"] = tag
	}
	names := []string{"r0", "r1", "r2", "r3"}
	names = slices.DeleteFunc(names, func(name string) bool { return written[name] == "" })
	r.tellOthers(querycache.OpBegin, names, 0)
	r.commitOthers(len(r.sharing.log), names, written)
}

// tellOthers puts into the log what another process does.
func (r *Run) tellOthers(op querycache.Op, names []string, commit int) {
	for _, name := range names {
		r.sharing.log = append(r.sharing.log, record{op: op, table: name, commit: commit})
	}
	r.readSoon()
}

// commitOthers commits it as soon as all have read up to there.
func (r *Run) commitOthers(position int, names []string, written map[string]string) {
	r.After(int64(r.Between(0, int(Millisecond))), func() {
		if slices.ContainsFunc(r.sharing.fleets, func(f *Fleet) bool { return f.joined && f.read < position }) {
			r.commitOthers(position, names, written)
			return
		}
		r.registers.commit(len(r.registers.states)-1, written) // there are no replicas in these worlds
		r.Note("another process has committed %v", written)
		r.tellOthers(querycache.OpEnd, names, len(r.registers.states)-1)
	})
}
