package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// world is processes that read and write one database, over a store that is slow, and at times gone. Each table has a version, which each write
// counts up, and which each reply tells.
type world struct {
	t      *testing.T
	seed   uint64
	mu     sync.Mutex
	tables map[string]int
	// acknowledged is which versions processes have been told.
	acknowledged map[string][]ack
	served       int // by what another has got
}

// unaware is how long a process may not know of what another has written, in these worlds: who was out of touch tells it when he has joined again.
const unaware = 6 * time.Second

// ack is a version that a process was told, when.
type ack struct {
	by      *process
	version int
	at      time.Time
}

// slow is a store that takes its time.
type slow struct {
	*memory
	mu     sync.Mutex
	chance *rand.Rand
}

func (s *slow) wait() {
	s.mu.Lock()
	d := time.Duration(s.chance.IntN(int(20 * time.Millisecond)))
	s.mu.Unlock()
	time.Sleep(d)
}

func (s *slow) Append(ctx context.Context, log string, record []byte) (uint64, error) {
	s.wait()
	position, err := s.memory.Append(ctx, log, record)
	s.wait()
	return position, err
}

func (s *slow) Read(ctx context.Context, log string, behind uint64) ([][]byte, uint64, error) {
	records, last, err := s.memory.Read(ctx, log, behind)
	s.wait()
	return records, last, err
}

func (s *slow) Get(ctx context.Context, key string) ([]byte, time.Duration, error) {
	value, left, err := s.memory.Get(ctx, key)
	s.wait()
	return value, left, err
}

// TestNobodyIsServedWhatWasBeforeHisOwnWrites is rule 7 of docs/design.md, over random worlds; what others have written becomes known as well.
func TestNobodyIsServedWhatWasBeforeHisOwnWrites(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 5
	}
	served := 0
	for range seeds {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			w := &world{t: t, seed: seed, tables: map[string]int{}, acknowledged: map[string][]ack{}}
			w.run()
			served += w.served
		})
	}
	if served == 0 {
		t.Error("nothing was served: the test is of no use")
	}
	t.Logf("%d replies of others were served", served)
}

func (w *world) run() {
	store := &slow{memory: newMemory(), chance: rand.New(rand.NewPCG(w.seed, 0))}
	until := time.Now().Add(20 * time.Second)
	var group sync.WaitGroup
	var all []*process
	for i := range 3 {
		p := join(w.t, store, fmt.Sprint("p", i))
		all = append(all, p)
		for j := range 3 { // clients
			chance := rand.New(rand.NewPCG(w.seed, uint64(1+3*i+j)))
			group.Go(func() {
				for time.Now().Before(until) {
					w.step(p, chance)
				}
			})
		}
	}
	group.Go(func() { w.trouble(store) })
	group.Wait()
	for _, p := range all {
		p.stop()
	}
}

// trouble takes the store away for a moment.
func (w *world) trouble(s *slow) {
	time.Sleep(8 * time.Second)
	s.do(func(s *memory) { s.broken = errCut })
	time.Sleep(time.Second)
	s.do(func(s *memory) { s.broken = nil })
}

func (w *world) step(p *process, chance *rand.Rand) {
	time.Sleep(time.Duration(chance.IntN(int(30 * time.Millisecond))))
	table := "t" + strconv.Itoa(chance.IntN(3))
	if chance.IntN(20) == 0 {
		w.write(p, table, chance)
	} else {
		w.read(p, table, chance)
	}
}

func (w *world) write(p *process, table string, chance *rand.Rand) {
	x := p.table(table)
	p.does(querycache.OpBegin, table)
	x.Begin()
	time.Sleep(time.Duration(chance.IntN(int(5 * time.Millisecond))))
	w.mu.Lock()
	w.tables[table]++
	version := w.tables[table]
	w.mu.Unlock()
	time.Sleep(time.Duration(chance.IntN(int(5 * time.Millisecond))))
	p.does(querycache.OpEnd, table)
	x.End(0)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acknowledged[table] = append(w.acknowledged[table], ack{p, version, time.Now()})
}

// least is the oldest version that a process may be served now.
func (w *world) least(p *process, table string) (least int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.acknowledged[table] {
		if a.by == p || time.Since(a.at) > unaware {
			least = max(least, a.version)
		}
	}
	return least
}

// read does what an engine does: evidence, then the fleet, then the database.
func (w *world) read(p *process, table string, chance *rand.Rand) {
	p.mu.Lock()
	seat := p.seat
	p.mu.Unlock()
	if seat == nil {
		return
	}
	x, key := p.table(table), querycache.SharedKey{table[1]}
	least, position := w.least(p, table), seat.Position()
	evidence, ok := p.ledger.Evidence([]*querycache.Table{x})
	if !ok {
		return
	}
	found := make(chan *querycache.Shared, 1)
	seat.Fetch(key, []*querycache.Table{x}, func(s *querycache.Shared) { found <- s })
	if s := <-found; s != nil {
		if version, _ := strconv.Atoi(string(s.Reply)); evidence.Holds() {
			w.judge(p, table, version, least)
		}
		return
	}
	time.Sleep(time.Duration(chance.IntN(int(3 * time.Millisecond))))
	w.mu.Lock()
	version := w.tables[table]
	w.mu.Unlock()
	time.Sleep(time.Duration(chance.IntN(int(3 * time.Millisecond))))
	if evidence.Holds() {
		seat.Keep(key, &querycache.Shared{Reply: []byte(strconv.Itoa(version)), Tables: []string{table}, Position: position, Left: time.Hour})
	}
}

func (w *world) judge(p *process, table string, version, least int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.served++; version < least {
		w.t.Errorf("seed %d: %s is served version %d of %s, and was told of %d", w.seed, p.name, version, table, least)
	}
}
