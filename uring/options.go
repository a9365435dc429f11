package uring

import "github.com/pgmux/caddy-pgmux/uring/internal/ring"

// Options sizes a driver. The zero value is good.
type Options struct {
	// Connections bounds the connections held at once. Default and maximum 1,048,576, the kernel's bound for a file
	// table; RLIMIT_NOFILE bounds it further, see Driver.Capacity.
	Connections int
	// Entries is the length of the submission queue, a power of 2. Default 512: what a turn prepares beyond that costs
	// another system call per 512.
	Entries int
	// Completions is the length of the completion queue, a power of 2. Default 4096. What does not fit is kept by the
	// kernel and costs another system call.
	Completions int
	// Buffers is the number of receive buffers, a power of 2, at most 32,768. Default 512. They bound what one turn
	// receives; connections beyond wait for the next turn.
	Buffers int
	// BufferBytes is the size of a receive buffer. Default 8 KiB and 3 cache lines. One receive fills at most one
	// buffer.
	BufferBytes int

	// plain does without the file table, as where that cannot be had.
	plain bool
	// without does without features, as where the kernel lacks them.
	without ring.Features
}

const (
	maxConnections = 1 << 20
	// bufferBytes is no multiple of a page on purpose. Were it one, all buffers would begin in the same few sets of the
	// processor's caches, and small messages push each other out: measured, 3 % of the CPU time per message of 64 bytes.
	bufferBytes = 8<<10 + 3*64
)

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.Connections, maxConnections)
	set(&o.Entries, 512)
	set(&o.Completions, 4096)
	set(&o.Buffers, 512)
	set(&o.BufferBytes, bufferBytes)
	o.Connections = min(o.Connections, maxConnections)
	return o
}

// Stats counts what a driver has done since it was made.
type Stats struct {
	// Enters counts system calls (io_uring_enter), Blocked those of them that slept.
	Enters, Blocked uint64
	// Submitted and Completions count operations begun, and results that were reported at all.
	Submitted, Completions uint64
	// Rearms counts receives the kernel ended and we began again, Starved those for lack of buffers.
	Rearms, Starved uint64
	// ShortSends counts sends the socket did not take at once.
	ShortSends uint64
}
