package sql

// MaxNames is how many names of prepared statements one text may mention and still have all of them replaced; a
// text with more is [Unknown].
const MaxNames = 4

// Statement is what Scan found. The caller keeps one and uses it again and again.
type Statement struct {
	// Truncated is the caller's: the text is only the beginning of a longer one, or is in an encoding that Scan cannot
	// read. Unknown is then set.
	Truncated bool
	// BackslashQuotes is the caller's: the session has standard_conforming_strings off, so that a backslash escapes
	// also in '…'.
	BackslashQuotes bool

	// Effects is the union over all statements of the text.
	Effects Effects
	// Kind is the first statement's.
	Kind Kind
	// Defines is the union over all statements.
	Defines Defines

	names    [MaxNames]Name
	mentions int
	changes  [MaxChanges]Change
	changed  int
	nulls    [MaxNulls]Null
	nulled   int
	buf      []byte // holds the decoded names that differ from their spelling
}

// Names is the names of prepared statements the text mentions, in their order. Valid until the next Scan, and
// as long as the text is.
func (s *Statement) Names() []Name { return s.names[:s.mentions] }

// Single reports whether the text is one statement, no more and no less, for certain.
func (s *Statement) Single() bool { return s.Kind != Empty && !s.Effects.Has(Multi|Unknown) }

// Name is one mention of a prepared statement's name in SQL: PREPARE name, EXECUTE name or DEALLOCATE name.
type Name struct {
	// Effect says where it stands: SQLPrepare, SQLExecute or Deallocates.
	Effect Effects
	// Start and End are the range of the token in the text, quotes included.
	Start, End int
	// Value is the name as Postgres understands it: folded to lower case unless quoted, cut to 63 bytes.
	Value []byte
}

// Kind says what sort of statement it is, by its first word.
type Kind uint8

const (
	// Empty is a text without a statement: Postgres answers EmptyQueryResponse.
	Empty Kind = iota
	// Select is SELECT, VALUES and TABLE, also in parentheses.
	Select
	// With is a statement that begins with common table expressions; it may read or write.
	With
	Insert
	Update
	Delete
	Merge
	// Copy is COPY in either direction.
	Copy
	// Explain is EXPLAIN, with or without ANALYZE.
	Explain
	// Show is SHOW.
	Show
	// Transaction is BEGIN, START, COMMIT, END, ROLLBACK, ABORT, SAVEPOINT and RELEASE.
	Transaction
	// Definition is CREATE, ALTER and DROP.
	Definition
	// Lock is LOCK.
	Lock
	// Other is everything else.
	Other
)

var kindNames = [...]string{
	"empty", "select", "with", "insert", "update", "delete", "merge", "copy", "explain", "show", "transaction",
	"definition", "lock", "other",
}

// String is the kind in lower case, as labels of metrics want it.
func (k Kind) String() string { return kindNames[k] }

func (s *Statement) reset() {
	s.Effects, s.Kind, s.Defines, s.mentions, s.changed, s.nulled, s.buf = 0, Empty, 0, 0, 0, 0, s.buf[:0]
	if s.Truncated {
		s.Effects = Unknown
	}
}
