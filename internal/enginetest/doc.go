// Package enginetest is one suite of conversations with the engine, held over every driver: io_uring, epoll and the
// simulated one, with one shard and with two. It has tests only.
//
//	client ──Far── driver ◀─▶ shard ──▶ driver ──Far── server
//	   └──────────────── the test's goroutine ────────────┘
//
// The far ends are looptest's: they never wait, so that one goroutine plays all clients, all servers and the Host. Over
// the real drivers the shards have threads of their own, clients are TCP connections and servers socket pairs; over
// the simulated one everything happens on the one goroutine, and time is virtual.
package enginetest
