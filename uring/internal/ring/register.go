//go:build linux

package ring

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	registerFilesUnregister = 3
	registerProbe           = 8
	registerEnable          = 12
	registerFiles2          = 13
	registerRingFDs         = 20
	registerRingFDsUndo     = 21
	registerBufferRing      = 22
	registerSyncCancel      = 24

	filesSparse = 1 << 0
)

// register is io_uring_register(2), always by the ring's real descriptor: kernels before 6.3 know no other way.
func (k *Kernel) register(op uintptr, arg unsafe.Pointer, n uintptr) (int, unix.Errno) {
	r, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(k.fd), op, uintptr(arg), n, 0, 0)
	return int(r), errno
}

// RegisterFiles implements Ring.
func (k *Kernel) RegisterFiles(n int) error {
	table := struct {
		n, flags      uint32
		_, data, tags uint64
	}{n: uint32(n), flags: filesSparse}
	if _, errno := k.register(registerFiles2, unsafe.Pointer(&table), unsafe.Sizeof(table)); errno != 0 {
		return fmt.Errorf("registering a table of %d files: %w", n, errno)
	}
	return nil
}

// RegisterBuffers implements Ring.
func (k *Kernel) RegisterBuffers(b *Buffers) error {
	ring := struct {
		addr       uint64
		entries    uint32
		group, pad uint16
		_          [3]uint64
	}{addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b.mem)))), entries: uint32(b.count), group: b.group}
	if _, errno := k.register(registerBufferRing, unsafe.Pointer(&ring), 1); errno != 0 {
		return fmt.Errorf("registering %d receive buffers: %w", b.count, errno)
	}
	return nil
}

// ringUpdate is struct io_uring_rsrc_update, as the registration of a ring's descriptor uses it.
type ringUpdate struct {
	offset, _ uint32
	data      uint64
}

// Enable implements Ring.
func (k *Kernel) Enable() error {
	if _, errno := k.register(registerEnable, nil, 0); errno != 0 {
		return fmt.Errorf("enabling io_uring: %w", errno)
	}
	k.thread = unix.Gettid()
	if k.without&RegisteredRing == 0 {
		k.registerRing()
	}
	return nil
}

// registerRing registers the ring's descriptor with the thread. If that fails, the ring is entered by the descriptor.
func (k *Kernel) registerRing() {
	u := ringUpdate{offset: ^uint32(0), data: uint64(k.fd)}
	if n, errno := k.register(registerRingFDs, unsafe.Pointer(&u), 1); errno == 0 && n == 1 {
		k.enter, k.enterReg = uintptr(u.offset), enterRegistered
		k.used |= RegisteredRing
	}
}

// Features implements Ring.
func (k *Kernel) Features() Features { return k.used }

// probe asks which operations the kernel knows.
func (k *Kernel) probe() error {
	var p struct {
		last, n uint8
		_       uint16
		_       [3]uint32
		ops     [256]struct {
			op, _ uint8
			flags uint16
			_     uint32
		}
	}
	if _, errno := k.register(registerProbe, unsafe.Pointer(&p), uintptr(len(p.ops))); errno != 0 {
		return fmt.Errorf("asking for the operations of io_uring: %w", errno)
	}
	for _, op := range p.ops[:p.n] {
		k.known[op.op] = op.flags&1 != 0
	}
	return nil
}

// Supports implements Ring.
func (k *Kernel) Supports(op uint8) bool { return k.known[op] }

// letGo takes back what the kernel holds on our behalf. Without it, requests under way pin the sockets, and the
// registered descriptor pins the ring for as long as the thread lives.
func (k *Kernel) letGo() {
	cancel := struct {
		_       uint64
		fd      int32
		flags   uint32
		timeout [2]int64
		_       [4]uint64
	}{fd: -1, flags: cancelAll | cancelAny, timeout: [2]int64{1, 0}}
	k.register(registerSyncCancel, unsafe.Pointer(&cancel), 1)
	k.register(registerFilesUnregister, nil, 0)
	if k.enterReg != 0 {
		u := ringUpdate{offset: uint32(k.enter)}
		k.register(registerRingFDsUndo, unsafe.Pointer(&u), 1)
	}
}
