package prepared

import "math/bits"

// blocks holds byte strings without a pointer for each: in blocks of 16, 32, 64 … bytes, cut from chunks. A string
// longer than the largest block stands alone.
type blocks struct {
	classes [blockClasses]struct {
		chunks [][]byte
		used   uint32
		free   []uint32
	}
	large     map[uint32][]byte // by block number
	nextLarge uint32
}

const (
	smallestBlock = 16
	blockClasses  = 9 // up to 4 KiB
	largestBlock  = smallestBlock << (blockClasses - 1)
	blockChunk    = 64 << 10     // bytes of a chunk
	largeClass    = blockClasses // stands alone
)

// blockClass is the smallest class whose blocks hold n bytes.
func blockClass(n int) uint8 {
	if n > largestBlock {
		return largeClass
	}
	return uint8(max(bits.Len(uint(max(n, 1)-1))-4, 0))
}

// blockSize is what a string of n bytes takes.
func blockSize(n int) int {
	if c := blockClass(n); c < largeClass {
		return smallestBlock << c
	}
	return n
}

// store copies b into a block and returns its number within the class of len(b).
func (s *blocks) store(b []byte) uint32 {
	c := blockClass(len(b))
	if c == largeClass {
		return s.storeLarge(b)
	}
	class := &s.classes[c]
	var n uint32
	if free := len(class.free); free > 0 {
		n = class.free[free-1]
		class.free = class.free[:free-1]
	} else {
		n = class.used
		class.used++
		if int(n)*(smallestBlock<<c) >= len(class.chunks)*blockChunk {
			class.chunks = append(class.chunks, make([]byte, blockChunk))
		}
	}
	copy(s.view(n, len(b)), b)
	return n
}

func (s *blocks) storeLarge(b []byte) uint32 {
	if s.large == nil {
		s.large = make(map[uint32][]byte)
	}
	for s.large[s.nextLarge] != nil { // the numbers have gone round
		s.nextLarge++
	}
	n := s.nextLarge
	s.nextLarge++
	s.large[n] = append([]byte(nil), b...)
	return n
}

// view is the string of size bytes in block n.
func (s *blocks) view(n uint32, size int) []byte {
	c := blockClass(size)
	if c == largeClass {
		return s.large[n]
	}
	at := int(n) << c * smallestBlock
	chunk := s.classes[c].chunks[at/blockChunk]
	at %= blockChunk
	return chunk[at : at+size : at+size]
}

// drop takes the block of a string of size bytes back.
func (s *blocks) drop(n uint32, size int) {
	c := blockClass(size)
	if c == largeClass {
		delete(s.large, n)
		return
	}
	s.classes[c].free = append(s.classes[c].free, n)
}
