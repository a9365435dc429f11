package routing

// Policy picks an upstream for a transaction. It is called by several loops at once, for every transaction of a pool with more
// than one upstream to choose from, so it must not wait, take locks, or allocate. What it remembers it keeps in atomic fields.
//
// Guest modules in Caddy's namespace `postgres.selection_policies` implement it.
type Policy interface {
	// Select returns the index of one of the candidates, of which there is at least one. They are in the order in which they
	// were declared, and the slice is the caller's. An index out of range counts as 0.
	Select(candidates []Candidate, r *Request) int
}

// Candidate is an upstream that may have the transaction: up, of the right role, fresh enough. Those that are full are left out
// as long as one is not.
type Candidate struct {
	Address string
	// Hash is of the address.
	Hash uint64
	// Weight is at least 1: WeightUnit for each unit of the configured weight, less during slow start.
	Weight uint32
	// Busy is how many transactions run there or wait for it now, over all loops.
	Busy int32
	// Latency is how long queries have taken there lately, in nanoseconds, where peaks count more than what is better; see
	// PeakEWMA. 0: none was measured.
	Latency int64
}

// Request is what a policy is told of a transaction.
type Request struct {
	// Key is of what a Keyed policy asks for; equal keys mean the same. 0 where a policy has not asked or the client has none.
	Key uint64
	// Random is a number that is different each time, evenly distributed.
	Random uint64
}

// KeySource is what a Keyed policy wants to be told of.
type KeySource uint8

// The sources. KeyComment is the word behind `<name>:` in a comment of the transaction's first text, KeySetting the value of a
// setting of the session.
const (
	KeyNone KeySource = iota
	KeyAddress
	KeyUser
	KeyDatabase
	KeyComment
	KeySetting
)

// Keyed is a Policy that sends equal keys to the same upstream.
type Keyed interface {
	Policy
	// KeyOf tells what the key is; name is of the comment or the setting.
	KeyOf() (source KeySource, name string)
}
