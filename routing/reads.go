package routing

// Reads is where transactions go that only read.
type Reads uint8

// ReadsPreferReplica: to replicas, or to the primary while there is none; ReadsReplica: to replicas, and they wait while there is
// none; ReadsPrimary: to the primary, as writes; ReadsAny: to replicas and the primary alike.
const (
	ReadsPreferReplica Reads = iota
	ReadsReplica
	ReadsPrimary
	ReadsAny
)

var reads = [...]string{"prefer_replica", "replica", "primary", "any"}

// String is it as the configuration writes it.
func (r Reads) String() string { return reads[r] }
