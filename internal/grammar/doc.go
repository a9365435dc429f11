// Package grammar says of a text what Postgres's own grammar says: whether it only reads, and what it calls and mentions. The parser
// is libpg_query, compiled to WebAssembly: no cgo. It costs a second and a quarter of a gigabyte to start, which the first
// call of [Classify] does, 40 MB from then on, and 20 to 100 µs a text; so its answers are remembered by [sql.Fingerprint].
//
// # What is read
//
// A text is [sql.ClassReads] if every one of its statements is one of these; a text without a statement is.
//
//  1. SELECT, VALUES or TABLE, also joined by UNION, INTERSECT and EXCEPT, if nowhere in it, at any depth, there are FOR UPDATE, FOR
//     SHARE and their weaker forms, INTO, or a common table expression that is not of this kind itself.
//  2. EXPLAIN of such, with or without ANALYZE.
//  3. COPY of such, or of a table, TO STDOUT. To a file or a program is not.
//  4. SHOW, but not of what a standby answers differently: transaction_read_only, default_transaction_read_only, in_hot_standby, ALL.
//
// BEGIN or START TRANSACTION alone is [sql.ClassBeginsReadOnly] if it says READ ONLY, and not ISOLATION LEVEL SERIALIZABLE, which a
// standby refuses; else [sql.ClassBegins].
//
// Everything else writes: other statements, such as SET, EXECUTE, DECLARE, FETCH, LOCK; what names a schema pg_temp, or a method of
// TABLESAMPLE that is not Postgres's own; a node of the parse tree of a kind that this package does not know; and what cannot be
// parsed, or is too long or nested too deep for the parser.
//
// Whether functions and relations that a text of ClassReads mentions let it be a read is for others to say: they are in the Facts.
package grammar
