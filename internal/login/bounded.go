package login

// bounded is a map that forgets its oldest entries once it is full. An entry that is put again keeps its age. The
// zero value is of no use; it is not safe for several goroutines.
type bounded[K comparable, V any] struct {
	max     int
	entries map[K]V
	order   []K // a ring: order[oldest] is forgotten next, once it is full
	oldest  int
}

func newBounded[K comparable, V any](max int) bounded[K, V] {
	return bounded[K, V]{max: max, entries: make(map[K]V)}
}

func (b *bounded[K, V]) get(k K) (V, bool) {
	v, ok := b.entries[k]
	return v, ok
}

func (b *bounded[K, V]) put(k K, v V) {
	if _, known := b.entries[k]; !known {
		b.makeRoom(k)
	}
	b.entries[k] = v
}

func (b *bounded[K, V]) makeRoom(k K) {
	if len(b.order) < b.max {
		b.order = append(b.order, k)
		return
	}
	delete(b.entries, b.order[b.oldest])
	b.order[b.oldest] = k
	b.oldest = (b.oldest + 1) % b.max
}
