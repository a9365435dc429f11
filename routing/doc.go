// Package routing decides which upstream a transaction goes to. It is pure: it is told what probes and connections have found
// ([Tracker]), says what is known of all upstreams at one moment ([Topology], immutable), and picks one ([Policy]).
//
// # Marks
//
// That a replica has replayed what a session has written is known without a clock. The engine counts marks: each probe of the
// primary takes a new one, and then asks for its write position; a session remembers the newest mark at the moment when its write
// was acknowledged. A position asked for under a later mark includes the write, and so does a replica that has replayed up to it.
// Marks begin at 1: 0 is that of a session that has written nothing.
package routing
