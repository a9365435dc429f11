//go:build linux

package ring

// Entry is one submission: struct io_uring_sqe of linux/io_uring.h, 64 bytes. What the kernel calls a union is one
// field here, named after its most common use.
type Entry struct {
	Opcode      uint8
	Flags       uint8
	Priority    uint16 // ioprio; the flags of receives, sends and accepts
	FD          int32
	Offset      uint64 // off, addr2
	Addr        uint64
	Len         uint32
	OpFlags     uint32 // msg_flags, cancel_flags, poll32_events, …
	UserData    uint64
	BufferGroup uint16
	Personality uint16
	FileIndex   uint32 // file_index, splice_fd_in
	Addr3       uint64
	_           uint64
}

// Completion is one result: struct io_uring_cqe, 16 bytes.
type Completion struct {
	UserData uint64
	Res      int32 // the result, or a negative error number
	Flags    uint32
}

// More reports that the same multishot submission will complete again.
func (c *Completion) More() bool { return c.Flags&cqeMore != 0 }

// Buffer is the provided buffer the kernel picked, if it did.
func (c *Completion) Buffer() (id uint16, picked bool) {
	return uint16(c.Flags >> cqeBufferShift), c.Flags&cqeBuffer != 0
}

// Operations, as enum io_uring_op numbers them.
const (
	OpNop         = 0
	OpPollAdd     = 6
	OpSendmsg     = 9
	OpTimeout     = 11
	OpAccept      = 13
	OpAsyncCancel = 14
	OpLinkTimeout = 15
	OpClose       = 19
	OpFilesUpdate = 20
	OpSend        = 26
	OpRecv        = 27
	OpShutdown    = 34
)

// Flags of a submission.
const (
	sqeFixedFile    = 1 << 0
	sqeLink         = 1 << 2
	sqeBufferSelect = 1 << 5
	sqeSkipSuccess  = 1 << 6
)

// Flags of a completion.
const (
	cqeBuffer      = 1 << 0
	cqeMore        = 1 << 1
	cqeBufferShift = 16
)

// Flags of single operations.
const (
	acceptMultishot = 1 << 0 // Priority
	recvMultishot   = 1 << 1 // Priority
	pollMultishot   = 1 << 0 // Len
	cancelAll       = 1 << 0 // OpFlags
	cancelAny       = 1 << 2 // OpFlags

	// FileIndexAlloc asks the kernel to pick a free slot of the file table.
	FileIndexAlloc = ^uint32(0)
)
