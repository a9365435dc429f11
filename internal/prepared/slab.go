package prepared

// slab is an array that grows by chunks: what is in it never moves, nothing is copied to grow, and if T has no
// pointers the collector looks at one pointer a chunk. Index 0 is never given out. The zero value is ready.
type slab[T any] struct {
	chunks [][]T
	used   uint32 // indices given out so far, 0 included
	free   []uint32
}

// chunkLen is small enough that a shard with few clients is small, and large enough that a million entries are few
// hundred chunks.
const chunkLen = 1 << 12

// take gives out an index. What stands there is what was left there.
func (s *slab[T]) take() uint32 {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i
	}
	if s.used == 0 {
		s.used = 1
	}
	if int(s.used) >= len(s.chunks)*chunkLen {
		s.chunks = append(s.chunks, make([]T, chunkLen))
	}
	i := s.used
	s.used++
	return i
}

// put takes an index back.
func (s *slab[T]) put(i uint32) { s.free = append(s.free, i) }

// at is the place with index i.
func (s *slab[T]) at(i uint32) *T { return &s.chunks[i/chunkLen][i%chunkLen] }

// len is the number of indices given out and not taken back.
func (s *slab[T]) len() int { return max(int(s.used)-1, 0) - len(s.free) }
