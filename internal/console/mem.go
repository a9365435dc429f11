package console

import "runtime"

var memColumns = columns{"siqqq", []string{"name", "size", "used", "free", "memtotal"}}

// memUnit is the size of what SHOW MEM counts.
const memUnit = 1 << 10

// showMem has the memory of the process, as the Go runtime counts it: PgBouncer's is of its caches, and here there are none of these. The
// columns have 8 bytes: a heap may have more than 2 GiB.
func (s *session) showMem(t *table) error {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	for _, row := range []struct {
		name       string
		used, free uint64
	}{
		{"heap", m.HeapInuse, m.HeapIdle - m.HeapReleased},
		{"stack", m.StackInuse, 0},
		{"other", m.MSpanSys + m.MCacheSys + m.BuckHashSys + m.GCSys + m.OtherSys, 0},
	} {
		t.add(row.name, memUnit, row.used/memUnit, row.free/memUnit, row.used+row.free)
	}
	return nil
}
