// Package changes follows what is written in one database, whoever writes it: it reads the log of the primary by logical replication
// (pgoutput, a temporary slot) and tells the tables of each transaction that is committed. It blocks; what follows from what it tells is
// somebody else's business.
//
//	connect ──▶ what is wrong? ──▶ slot ──▶ START_REPLICATION ──▶ caught up, and all who were under way are done ──▶ Follows
//	   ▲                                                                                                               │
//	   └── pause ◀── Lost ◀── silent, late, broken, another server ◀── Changed, Visible, Changed, Visible … ◀──────────┘
//
// There are two connections: the stream, on which Postgres sends what was committed, and one of the ordinary kind on which the same
// server is asked, once a second and after each change. What is asked makes three promises true that the stream alone does not:
//
//  1. Visible. Postgres sends a transaction when its commit is on disk. That may be before others see it, by a moment, or by as long as
//     a synchronous standby takes: who reads between reads what was before. So a change is told twice: Changed when it is heard of, and
//     Visible when a snapshot taken since shows it. What was read between the two must not be kept.
//  2. Late. What was on disk when it was asked for has been told within Patience, or the stream is Lost. A stream that is silent, that is
//     busy with one large transaction, or that nobody decodes, does not let stale replies live.
//  3. Complete. The tables that are told are asked for again and again. One that has joined them counts from when everybody is done who was
//     under way when it was found there: they may have written to it before.
//
// What the log does not tell: changes of the schema, sequences, large objects, unlogged, temporary and foreign tables, materialized views.
package changes
