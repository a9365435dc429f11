package querycache

// Reason is why the reply to a text cannot be cached. The zero value: it can be.
type Reason uint8

const (
	Cacheable Reason = iota
	// Unlearned: the catalog of the database is not known, or too large.
	Unlearned
	// WritesOrLocks: it is no read, or takes locks.
	WritesOrLocks
	// Unrepeatable: it is more than one query, or its grammar asks for the time, a sample or a schema of the system.
	Unrepeatable
	// Volatile: it calls a function that answers differently each time, or may change something.
	Volatile
	// Time: it calls what depends on the time.
	Time
	// Opaque: it calls a function of which nobody knows what it reads: dynamic SQL, another language, C.
	Opaque
	// UnknownFunction: it calls one that was not there when the catalog was asked.
	UnknownFunction
	// SystemCatalog: it reads from a catalog, or a view of Postgres.
	SystemCatalog
	// ForeignTable: it reads from one.
	ForeignTable
	// Sequence: it reads from one.
	Sequence
	// UnknownRelation: it reads from one that was not there when the catalog was asked, or is temporary, or whose name is not of ASCII.
	UnknownRelation
	reasons
)

// String says it to people: what a text does. It is empty for Cacheable.
func (r Reason) String() string {
	return [reasons]string{"", "the catalog is not known", "writes or locks", "does not repeat", "calls a volatile function", "depends on time",
		"calls a function that hides what it reads", "unknown function", "system catalog", "foreign table", "sequence", "unknown relation"}[r]
}
