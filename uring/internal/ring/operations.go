//go:build linux

package ring

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// File is what an operation acts on: a descriptor, or a slot of the ring's file table.
type File struct {
	Index int32
	Fixed bool
}

// Memory that a submission names by address must stay where it is until the submission has been performed. Mapped
// memory does; Go's heap does as long as whoever prepares the submission keeps the object reachable; a goroutine's stack
// does not.

func (e *Entry) on(f File) {
	e.FD = f.Index
	if f.Fixed {
		e.Flags |= sqeFixedFile
	}
}

// Silent leaves the completion out if the operation succeeds.
func (e *Entry) Silent() { e.Flags |= sqeSkipSuccess }

// Link starts the next submission when this one has succeeded, and cancels it when it has not.
func (e *Entry) Link() { e.Flags |= sqeLink }

// Nop completes.
func (e *Entry) Nop() { e.Opcode = OpNop }

// Receive receives, again and again, into buffers of the group. It ends (a completion without More) with the end of
// the stream, an error, ENOBUFS, or when the kernel sees fit: it must then be prepared again.
func (e *Entry) Receive(f File, group uint16) {
	e.Opcode = OpRecv
	e.on(f)
	e.Flags |= sqeBufferSelect
	e.Priority = recvMultishot
	e.BufferGroup = group
}

// SendNow sends what the socket takes at once, while it is being submitted; the result tells how much.
func (e *Entry) SendNow(f File, p unsafe.Pointer, n int) {
	e.send(f, p, n, unix.MSG_NOSIGNAL|unix.MSG_WAITALL|unix.MSG_DONTWAIT)
}

// SendAll sends everything, as the socket takes it; the memory is the kernel's until the completion.
func (e *Entry) SendAll(f File, p unsafe.Pointer, n int) {
	e.send(f, p, n, unix.MSG_NOSIGNAL|unix.MSG_WAITALL)
}

func (e *Entry) send(f File, p unsafe.Pointer, n int, flags uint32) {
	e.Opcode = OpSend
	e.on(f)
	e.Addr = uint64(uintptr(p))
	e.Len = uint32(n)
	e.OpFlags = flags
}

// SendVectorsNow is SendNow of several pieces: the message is what sendmsg(2) takes.
func (e *Entry) SendVectorsNow(f File, m *unix.Msghdr) {
	e.Opcode = OpSendmsg
	e.on(f)
	e.Addr = uint64(uintptr(unsafe.Pointer(m)))
	e.Len = 1
	e.OpFlags = unix.MSG_NOSIGNAL | unix.MSG_WAITALL | unix.MSG_DONTWAIT
}

// Accept accepts, again and again; each completion is a descriptor.
func (e *Entry) Accept(f File) {
	e.Opcode = OpAccept
	e.on(f)
	e.Priority = acceptMultishot
	e.OpFlags = unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
}

// AcceptFixed accepts, again and again, into free slots of the file table; each completion is a slot. A full table
// closes what was accepted (ENFILE).
func (e *Entry) AcceptFixed(f File) {
	e.Accept(f)
	e.OpFlags = unix.SOCK_NONBLOCK // close-on-exec means nothing to a slot and is refused
	e.FileIndex = FileIndexAlloc
}

// Poll completes whenever the descriptor becomes ready for the events, again and again.
func (e *Entry) Poll(f File, events uint32) {
	e.Opcode = OpPollAdd
	e.on(f)
	e.Len = pollMultishot
	e.OpFlags = pollMask(events)
}

// Cancel cancels the submission with this user data. The result is 0, ENOENT, or EALREADY; what was cancelled
// completes with ECANCELED.
func (e *Entry) Cancel(userData uint64) {
	e.Opcode = OpAsyncCancel
	e.FD = -1
	e.Addr = userData
}

// Install puts the descriptor into a slot of the file table, instead of what was there. The descriptor is read while
// the entry is being submitted.
func (e *Entry) Install(fd *int32, slot uint32) {
	e.Opcode = OpFilesUpdate
	e.FD = -1
	e.Addr = uint64(uintptr(unsafe.Pointer(fd)))
	e.Len = 1
	e.Offset = uint64(slot)
}

// InstallAnywhere is Install into a free slot, whose number is written to *fd.
func (e *Entry) InstallAnywhere(fd *int32) { e.Install(fd, FileIndexAlloc) }

// CloseFD closes a descriptor.
func (e *Entry) CloseFD(fd int32) {
	e.Opcode = OpClose
	e.FD = fd
}

// CloseSlot empties a slot of the file table.
func (e *Entry) CloseSlot(slot uint32) {
	e.Opcode = OpClose
	e.FileIndex = slot + 1
}

// Shutdown is shutdown(2); how is unix.SHUT_WR or unix.SHUT_RDWR. Unlike the other operations here it is not performed
// while it is submitted but by a thread of the kernel's, which looks the slot up only then: the slot must not be used
// again before the completion.
func (e *Entry) Shutdown(f File, how int) {
	e.Opcode = OpShutdown
	e.on(f)
	e.Len = uint32(how)
}

// Timeout completes with ETIME after the time; the kernel reads it while the entry is being submitted.
func (e *Entry) Timeout(after *unix.Timespec) {
	e.Opcode = OpTimeout
	e.FD = -1
	e.Addr = uint64(uintptr(unsafe.Pointer(after)))
	e.Len = 1
}

// LinkTimeout cancels the submission before it, which must have Link, if that takes longer.
func (e *Entry) LinkTimeout(after *unix.Timespec) {
	e.Timeout(after)
	e.Opcode = OpLinkTimeout
}
