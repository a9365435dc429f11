package engine

import (
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// rigStore is what the processes of a fleet share: a log of what they write, and replies.
type rigStore struct {
	log  []rigRecord
	kept map[querycache.SharedKey]*querycache.Shared
}

// rigRecord is one place of the log; the first is position 1.
type rigRecord struct {
	from  *rigFleet
	op    querycache.Op
	table string
	// writes is how often the table had been written.
	writes int
}

// rigFleet is one process's Fleet, as package querycache says what a reply may be taken by (sharing.go).
type rigFleet struct {
	w     *cacheRig
	store *rigStore
	// read is how much of the log has been.
	read int
	// behind is the position of the last write of a table, seen the one up to where it had been read when a change was seen, and unread how many
	// writes of its own have not been read.
	behind, seen map[string]uint64
	unread       map[string]int
	pending      map[string]int // of which the end has not been read
	// noted is what it was told, kept how often a reply was offered.
	noted []string
	kept  int
	// holds keeps questions unanswered, in asked.
	holds bool
	asked []rigFetch
	// Faults: it does not say what it has heard; takes any reply; says that it has read all of the log.
	forgets, takesAll, lies bool
	// known is what has been written for certain, as far as it has been read.
	known map[string]int
}

// rigFetch is a question that has not been answered.
type rigFetch struct {
	key    querycache.SharedKey
	tables []*querycache.Table
	found  func(*querycache.Shared)
}

func newRigStore() *rigStore { return &rigStore{kept: map[querycache.SharedKey]*querycache.Shared{}} }

// fleet is the store's, for an engine; it is not joined yet.
func (st *rigStore) fleet(w *cacheRig) *rigFleet {
	return &rigFleet{w: w, store: st, read: len(st.log), behind: map[string]uint64{}, seen: map[string]uint64{}, unread: map[string]int{},
		pending: map[string]int{}, known: map[string]int{}}
}

var opNames = [...]string{querycache.OpBegin: "begin", querycache.OpEnd: "end", querycache.OpCancel: "cancel",
	querycache.OpChange: "change", querycache.OpSeen: "seen"}

// Note implements Fleet.
func (f *rigFleet) Note(op querycache.Op, t *querycache.Table) {
	f.noted = append(f.noted, strings.TrimSpace(opNames[op]+" "+t.Name))
	if op == querycache.OpSeen {
		f.seen[t.Name] = uint64(f.read) + 1
		return
	}
	f.unread[t.Name]++
	f.store.log = append(f.store.log, rigRecord{f, op, t.Name, f.w.writes[t.Name]})
}

// Position implements Fleet.
func (f *rigFleet) Position() uint64 {
	if f.lies {
		return uint64(len(f.store.log)) + 1
	}
	return uint64(f.read)
}

// Fetch implements Fleet.
func (f *rigFleet) Fetch(key querycache.SharedKey, tables []*querycache.Table, found func(*querycache.Shared)) {
	f.asked = append(f.asked, rigFetch{key, tables, found})
	if !f.holds {
		f.answer()
	}
}

// Keep implements Fleet.
func (f *rigFleet) Keep(key querycache.SharedKey, s *querycache.Shared) {
	f.kept++
	f.store.kept[key] = s
}

// answer answers all that it has been asked.
func (f *rigFleet) answer() {
	asked := f.asked
	f.asked = nil
	for _, q := range asked {
		q.found(f.reply(q))
	}
}

// reply is what is kept, if it may be taken.
func (f *rigFleet) reply(q rigFetch) *querycache.Shared {
	s := f.store.kept[q.key]
	if s == nil || !f.mayTake(s, "") {
		return nil
	}
	for _, t := range q.tables {
		if !f.mayTake(s, t.Name) {
			return nil
		}
	}
	return s
}

func (f *rigFleet) mayTake(s *querycache.Shared, table string) bool {
	return f.takesAll || f.unread[table]+f.pending[table] <= 0 && f.behind[table] <= s.Position && f.seen[table] <= s.Position
}

// next reads the next place of the log, if there is one.
func (f *rigFleet) next() bool {
	if f.read == len(f.store.log) {
		return false
	}
	r := f.store.log[f.read]
	f.read++
	f.notes(r.table, r.op)
	if r.from == f {
		f.unread[r.table]--
		return true
	}
	var tables []string
	if r.table != "" {
		tables = []string{r.table}
	}
	if !f.forgets {
		f.w.e.Heard("db", r.op, tables)
	}
	if r.op == querycache.OpEnd {
		f.known[r.table] = max(f.known[r.table], r.writes)
	}
	return true
}

// notes notes what has been done to a table: what was taken back was no write.
func (f *rigFleet) notes(table string, op querycache.Op) {
	switch op {
	case querycache.OpBegin:
		f.pending[table]++
		return
	case querycache.OpCancel:
		f.pending[table]--
		return
	case querycache.OpEnd:
		f.pending[table]--
	}
	f.behind[table] = uint64(f.read)
}

// reads reads the log up to its end.
func (f *rigFleet) reads() {
	for f.next() {
	}
	f.w.settle()
}

// others has another process do something to a table, empty: all, and reads that.
func (f *rigFleet) others(op querycache.Op, table string) {
	f.store.log = append(f.store.log, rigRecord{op: op, table: table, writes: f.w.writes[table]})
	f.reads()
}

// says is what it was told since it was last asked, in short.
func (f *rigFleet) says() string {
	said := strings.Join(f.noted, ", ")
	f.noted = nil
	return said
}

// sharedCachePool is cachePool of a pool that shares.
func sharedCachePool(size int) PoolConfig {
	p := cachePool(size)
	p.Cache.Shared = true
	return p
}

// fleetRig is a process of a fleet, joined.
func fleetRig(t testing.TB, st *rigStore, shards, size int) (*cacheRig, *rigFleet) {
	t.Helper()
	w := newCacheRig(t, shards, sharedCachePool(size))
	return w, st.joins(w)
}

// joins has an engine join.
func (st *rigStore) joins(w *cacheRig) *rigFleet {
	if len(w.joins) == 0 {
		w.says(w.client("first"), "select from c")
	}
	f := st.fleet(w)
	w.e.Shares("app", "db", f)
	f.noted = nil
	return f
}

// prepares has a client know a statement, and nothing of what it returns.
func (w *cacheRig) prepares(c *rigSocket, name, text string) {
	w.Helper()
	w.says(c, "Parse: "+name+" "+text, "Sync:")
}
