package sql

// Facts is what Postgres's grammar says of a text as a whole, as far as routing goes. They are the same for all texts with one
// fingerprint.
type Facts struct {
	// Class is what the text does.
	Class Class
	// Functions are the names of the functions that a text of ClassReads calls, without their schemas, each once, sorted.
	Functions []string
	// Relations are the names of the tables and views that it reads, without their schemas, each once, sorted.
	Relations []string
}

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
