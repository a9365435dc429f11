// Package prober asks the upstreams of a pool what they are: alive, primary or replica, and how far they have written or replayed.
// It finds out and tells; what follows from it is package routing's business.
//
// Each upstream has a goroutine and a connection of its own, which is kept open, so that one that hangs delays nobody. What they are
// told to do comes from rounds, one each interval:
//
//	Run ──▶ round: ask the primary ──▶ its position, under a mark ──▶ ask the others ──▶ have they replayed it?
//	Soon ──────────────────────────▶ ask one upstream out of turn
//
// The primary comes first so that a replica which has replayed what the primary had written shows it in the same round.
//
// # A connection
//
//	dial ──▶ what may we ask? ──▶ what does it answer? ──▶ the question, once each probe, in one round trip
//
// Not every role may call every function, and not every Postgres has them all. So a new connection is asked first for each part of the
// question by itself, and later for all parts that it has answered, in one statement.
package prober
