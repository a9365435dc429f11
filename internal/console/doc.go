// Package console is PgBouncer's console: the virtual database `pgbouncer`, with the commands of PgBouncer 1.25, its columns, their order and
// their types, so that exporters and scripts keep working.
//
//	Serve: greeting ── message ──┬── Query: one command ───────────────────────────── ReadyForQuery
//	          ▲                  ├── Parse, Bind, Describe, Execute, Close, Flush ─── Sync: ReadyForQuery
//	          │                  └── Terminate, the end, or nothing but rubbish: done
//	          └─────────────────────┘
//
//	command:  text ── parse ── authorise ── run ──┬── SHOW: rows of what the World says
//	                                              └── order to the World; PAUSE, KILL and WAIT_CLOSE wait for it
//
// It is control plane: blocking code on the goroutine of its connection, of which there are few. What it knows of pools, clients and servers
// it is told by a [World], in plain structs; it knows no Caddy and no sockets but its own.
//
// What the commands mean, and their columns, is from PgBouncer's documentation (usage) and from what its source writes (admin.c, stats.c). Where
// ours differ, docs/operations.md has a table.
package console
