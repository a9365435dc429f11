// Package pool is the ledger of one pool of servers: who may have which, who waits, how many there may be. It knows
// numbers only: servers and clients are slots of the shard it belongs to.
//
// A pool spans all shards. What they have in common is a [Shared]: the budget of permits, and, per shard, how many
// clients wait there and how many servers idle there. What belongs to one shard is a [Ledger].
//
//	           Acquire                        Release
//	client ──▶ an idle server, at once   ──▶  the first waiter, here or on the shard where one has waited longest,
//	       ──▶ a place in the queue           or the idle stack, or, over the limit, out
//
// # Who is next
//
// Clients are served in the order in which they began to wait, as if those of normal priority had come NormalPenalty
// later than they did and those of low priority LowPenalty. So one who waits is overtaken only by those of a higher
// priority that came less than the difference after it. What a shard tells others of its first waiter is that time, penalty
// included, so that the pool is one in this too.
//
// # One pool over all shards
//
// The rule that no client waits on one shard while a server idles on another is kept with two counters and an
// order of steps. Who begins to wait first counts itself as waiting, then looks for idle servers elsewhere
// (Ledger.Lender) and asks; who puts a server aside first counts it as idle, then looks for waiters elsewhere
// (Ledger.Borrower) and gives. The counters are sequentially consistent, so at least one of the two sees the other. A
// permit that becomes free is announced in the same way (Shared.Starving).
package pool
