package querycache

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// modelled is what a cache may answer: for each key the entry that was put last, as long as nothing has made it go.
type modelled struct {
	cached
	r    *rand.Rand
	now  int64
	last map[string]*Entry
	// roomy: there is room for everything.
	roomy bool
}

const modelledKeys, modelledTables, modelledReply = 40, 4, 500

func (m *modelled) table() string { return fmt.Sprint("t", m.r.IntN(modelledTables)) }
func (m *modelled) key() string   { return fmt.Sprint("key ", m.r.IntN(modelledKeys)) }

func (m *modelled) put() {
	key, on := m.key(), []string{m.table(), m.table()}[:m.r.IntN(3)]
	e := m.reply(string(make([]byte, m.r.IntN(600))), m.now+m.r.Int64N(200), on...)
	if !m.Cache.Put(Hash([]byte(key)), []byte(key), e) {
		if len(e.Reply) <= modelledReply && e.weigh([]byte(key)) <= m.Status().MaxBytes {
			m.t.Fatalf("a reply of %d bytes is not kept: %+v", len(e.Reply), m.Status())
		}
		return
	}
	m.last[key] = e
}

func (m *modelled) write() {
	switch table := m.table(); m.r.IntN(10) {
	case 0:
		m.ledger.All.Change(0)
		m.forget(func(e *Entry) bool { return true })
	default:
		m.ledger.Table(table).Change(0)
		m.forget(func(e *Entry) bool { return e.Evidence.DependsOn(table) })
	}
}

func (m *modelled) purge() {
	table := m.table()
	if m.r.IntN(5) == 0 {
		table = ""
	}
	m.Purge(table)
	m.forget(func(e *Entry) bool { return table == "" || e.Evidence.DependsOn(table) })
}

// forget drops entries that must not be seen again.
func (m *modelled) forget(which func(*Entry) bool) {
	for key, e := range m.last {
		if which(e) {
			delete(m.last, key)
		}
	}
}

// get compares: what is there is what was put last, and what is not has gone, or has gone for want of room.
func (m *modelled) get(key string, evicted bool) {
	got, want := m.Get(Hash([]byte(key)), []byte(key), m.now), m.last[key]
	if want != nil && m.now >= want.Until {
		want = nil
	}
	if got != want && (got != nil || !evicted) {
		m.t.Fatalf("at %d, %s is %+v, want %+v", m.now, key, got, want)
	}
}

func (m *modelled) configure() {
	most := m.r.Int64N(30_000)
	if m.roomy {
		most = roomy
	}
	m.Configure(Settings{MaxBytes: most, MaxEntryBytes: modelledReply})
}

// step does something at random.
func (m *modelled) step() {
	m.now += m.r.Int64N(3)
	switch n := m.r.IntN(100); {
	case n < 60:
		m.put()
	case n < 70:
		m.write()
	case n < 73:
		m.purge()
	case n < 76:
		m.configure()
	default:
		m.Admits(Hash([]byte(m.key())))
	}
}

// Whatever happens, an entry is what was put last for its key and holds, the bound is kept, and none is lost but for want of room: with
// room for all of them, which every third seed has, none is.
func TestCacheAgainstAModel(t *testing.T) {
	for seed := range uint64(18) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := &modelled{cached: newCached(t, 0), r: rand.New(rand.NewPCG(seed, 9)), last: map[string]*Entry{}, roomy: seed%3 == 0}
			m.configure()
			for range 800 {
				m.step()
				m.check()
				evicted := m.Status().Evicted > 0
				if evicted && m.roomy {
					t.Fatalf("entries are evicted though there is room: %+v", m.Status())
				}
				for i := range modelledKeys {
					m.get(fmt.Sprint("key ", i), evicted)
				}
			}
		})
	}
}
