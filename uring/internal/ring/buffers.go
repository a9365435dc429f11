//go:build linux

package ring

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// Buffers is memory the kernel picks receive buffers from (struct io_uring_buf_ring). A buffer is the kernel's, until
// a completion names it; then the reader's, until Recycle and Publish.
type Buffers struct {
	group   uint16
	count   int
	size    int
	mem     []byte // the ring of descriptions, then the buffers
	ring    []bufferEntry
	data    []byte
	tail    uint16
	firstID uint16 // of ring[0], whose neighbour is the tail
}

// bufferEntry is struct io_uring_buf. In the first of the ring, tail is the tail of the ring; in the others it is
// unused.
type bufferEntry struct {
	addr uint64
	len  uint32
	id   uint16
	tail uint16
}

const (
	pageBytes       = 4096
	bufferEntrySize = int(unsafe.Sizeof(bufferEntry{}))
	// maxBuffers is the kernel's bound.
	maxBuffers = 1 << 15
)

// NewBuffers maps count buffers of size bytes; count is a power of 2.
func NewBuffers(group uint16, count, size int) (*Buffers, error) {
	if count <= 0 || count > maxBuffers || count&(count-1) != 0 || size <= 0 {
		return nil, fmt.Errorf("%d receive buffers of %d bytes: want a power of 2, at most %d", count, size, maxBuffers)
	}
	head := (count*bufferEntrySize + pageBytes - 1) &^ (pageBytes - 1)
	mem, err := MapMemory(head + count*size)
	if err != nil {
		return nil, fmt.Errorf("allocating receive buffers: %w", err)
	}
	b := &Buffers{group: group, count: count, size: size, mem: mem, data: mem[head:]}
	b.ring = unsafe.Slice((*bufferEntry)(unsafe.Pointer(unsafe.SliceData(mem))), count)
	for i := range count {
		b.Recycle(uint16(i))
	}
	b.Publish()
	return b, nil
}

// Count is how many there are.
func (b *Buffers) Count() int { return b.count }

// Bytes is the first n bytes of a buffer.
func (b *Buffers) Bytes(id uint16, n int) []byte {
	start := int(id) * b.size
	return b.data[start : start+n : start+n]
}

// Recycle gives a buffer back, with the next Publish.
func (b *Buffers) Recycle(id uint16) {
	i := int(b.tail) & (b.count - 1)
	e := &b.ring[i]
	e.addr = uint64(uintptr(unsafe.Pointer(&b.data[int(id)*b.size])))
	e.len = uint32(b.size)
	e.id = id
	if i == 0 {
		b.firstID = id
	}
	b.tail++
}

// Publish shows the kernel what was recycled. Go has no 16-bit atomic store, so the tail is stored together with the
// number of the first entry, which precedes it.
func (b *Buffers) Publish() {
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&b.ring[0].id)), halves(b.firstID, b.tail))
}

// Free unmaps the memory; the ring it was registered with must have been closed.
func (b *Buffers) Free() error { return UnmapMemory(b.mem) }
