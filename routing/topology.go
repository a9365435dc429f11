package routing

import "time"

// Role is what an upstream is.
type Role uint8

// The roles. Of what is declared, Unknown is `auto`: to be found out.
const (
	Unknown Role = iota
	Primary
	Replica
)

// String is the role as the configuration writes it.
func (r Role) String() string {
	switch r {
	case Primary:
		return "primary"
	case Replica:
		return "replica"
	}
	return "auto"
}

// Breaker is the state of an upstream's circuit breaker.
type Breaker uint8

// The states. While it is open nobody is sent there; half open, one connection is tried.
const (
	Closed Breaker = iota
	Open
	HalfOpen
)

// String is the state in lower case.
func (b Breaker) String() string {
	switch b {
	case Open:
		return "open"
	case HalfOpen:
		return "half-open"
	}
	return "closed"
}

// LSN is a position in the write-ahead log, as Postgres counts it: bytes.
type LSN uint64

// Topology is what is known of all upstreams of a pool at one moment. It is immutable and shared by all loops.
type Topology struct {
	// Upstreams are in the order in which they were declared.
	Upstreams []State
	// Primary is the index of the one upstream that writes go to; -1: none is known now. Two that claim to be primary are one
	// here: that of the newer timeline. Where several are declared `role primary`, it is the first of them that is up, and
	// writes may go to any that is up and whose Role is Primary.
	Primary int
	// probed: roles can be found out, so who has not been asked yet is awaited; hadPrimary: there has been one that was believed.
	probed, hadPrimary bool
}

// State is what is known of one upstream.
type State struct {
	Address string
	// Declared is the role in the configuration, Role what it is as far as known. A primary whose timeline is older than
	// another's is Unknown.
	Declared, Role Role
	// Doubted: it claims to be primary, and is not believed. Stranger: it belongs to another cluster than the primary does.
	Doubted, Stranger bool
	// Up: it gets new transactions. One of which nothing is known yet is up.
	Up bool
	// Why is the reason, where it is not up.
	Why     string
	Breaker Breaker
	// Weight is its weight times WeightUnit, less during slow start; 0: it gets nothing.
	Weight uint32
	// Fresh is the newest mark under which a write position of the primary was asked for that this replica has replayed. A
	// session may read there if its own mark is smaller. Of the primary itself it is the greatest number there is. 0: nothing
	// is known.
	Fresh uint64
	// Lag is how long ago the oldest write position was asked for that it has not replayed; 0: it has replayed all. HasLag is
	// false where nothing is known. TooLate: the lag is more than is allowed, or unknown though there is a primary. It is seen
	// once an interval, so it is up to that much more than the truth; a shorter MaxLag lets replicas come and go.
	Lag     time.Duration
	HasLag  bool
	TooLate bool
	// Timeline, Position (written by the primary, replayed by a replica), System (the cluster's identifier) and Latency (how long
	// the last probe took) are for people.
	Timeline uint32
	Position LSN
	System   uint64
	Latency  time.Duration
	// Since is when it came up or went down, in the time that the Tracker is told.
	Since int64
	// Probes and Failures count since it was declared.
	Probes, Failures uint64
}

// WeightUnit is a weight of 1 in State.Weight and Candidate.Weight.
const WeightUnit = 256
