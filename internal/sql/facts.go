package sql

// Facts is what Postgres's grammar says of a text as a whole, as far as routing and caching go. They are the same for all texts with
// one fingerprint.
//
// Names are those of the catalog: in lower case where they are not quoted, cut to 63 bytes. Names beyond ASCII are so only where the client and
// the database have the encoding UTF8: a text in another that happens to be UTF-8 says something else, and Postgres folds its letters otherwise.
type Facts struct {
	// Class is what the text does.
	Class Class
	// Traits is what else is known of it.
	Traits Traits
	// Functions are the names of the functions that a text calls, without their schemas, each once, sorted: of a text of ClassReads, or
	// with [Understood].
	Functions []string
	// Relations are the names of the tables and views that it mentions otherwise than to change them, without their schemas, each once,
	// sorted: of a text of ClassReads, or with [Understood]. Those of VACUUM, ANALYZE and REINDEX, which change no row, are left out.
	Relations []string
	// Written are the names of the tables and views that it changes, likewise: with [Understood]. EXPLAIN counts as what it is about, with ANALYZE or
	// without, and PREPARE as what it prepares.
	Written []string
}

// Traits are what a query cache has to know of a text. The zero value: it is not cached, and may change anything in its database.
type Traits uint8

const (
	// Understood: whatever the text changes in its database, it does by way of Written, or of what its functions and relations do. It
	// consists of SELECT, INSERT, UPDATE, DELETE, MERGE, COPY of tables and queries, TRUNCATE, REFRESH MATERIALIZED VIEW, CALL,
	// LOCK, EXPLAIN, DECLARE, FETCH, CLOSE, PREPARE, of what is for the session or the transaction alone (SET, BEGIN, COMMIT, PREPARE TRANSACTION,
	// LISTEN and the like), and of VACUUM, ANALYZE, REINDEX and CHECKPOINT. Of DDL, EXECUTE, DO and COMMIT PREPARED it never does.
	Understood Traits = 1 << iota
	// Truncates: one of the Written is truncated, which reaches what refers to it.
	Truncates
	// Refreshes: one of the Written is a materialized view that is computed anew.
	Refreshes
	// Repeatable: it is one SELECT, VALUES or TABLE of ClassReads that answers the same as long as what it reads from is the same, as far
	// as the grammar can tell: it asks for no time (CURRENT_TIMESTAMP and its kin), takes no sample, names no relation of the system or of
	// temporary tables, nor one that begins with pg_, and does not ask where a row is or who has locked it (ctid, xmax). What its Functions do
	// is for [Repeats] to say; what strings such as 'now' do, for neither.
	Repeatable
	// Roles: it may change roles, databases or tablespaces, which are of all databases. Of a text that is not Understood: one that says so, that
	// runs code which is not seen (DO, CREATE EXTENSION), that writes to the system's tables, or that could not be parsed.
	Roles
)

// Has reports whether any of the traits in mask is there.
func (t Traits) Has(mask Traits) bool { return t&mask != 0 }

// Class is what a text does to the database.
type Class uint8

const (
	// ClassWrites is everything that may change something, or of which nothing better is known. The zero value: unknown is never a
	// read.
	ClassWrites Class = iota
	// ClassReads is a text of statements that only read, if the functions and relations that it mentions do: SELECT, VALUES and TABLE
	// without FOR UPDATE or SHARE, INTO, and common table expressions that write; EXPLAIN and COPY TO of such; SHOW.
	ClassReads
	// ClassBeginsReadOnly is BEGIN or START TRANSACTION with READ ONLY and an isolation level that a standby has, alone.
	ClassBeginsReadOnly
	// ClassBegins is any other BEGIN or START TRANSACTION, alone.
	ClassBegins
)
