// Package grammar says of a text what Postgres's own grammar says: whether it only reads, and what it calls, mentions and changes. The parser
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
//
// # What is understood
//
// A text is [sql.Understood], and its Written is complete, if every one of its statements is one of these, and it has at most 64 names.
//
//  1. What may be read, as above, also with what locks, and with common table expressions that write.
//  2. INSERT, UPDATE, DELETE, MERGE, TRUNCATE, REFRESH MATERIALIZED VIEW, and COPY, but to or from a program. The target is written, in common table
//     expressions too. If it may be one of Postgres's own tables, the text is not understood.
//  3. CALL and LOCK; EXPLAIN, DECLARE and PREPARE of what is understood.
//  4. What changes nothing but its session or its transaction, or no row. Not so COMMIT PREPARED and ROLLBACK PREPARED, of which nobody
//     knows what they end.
//
// No other statement is: DDL, DO and EXECUTE may change anything; nor is a function or type in a schema pg_temp, which no catalog
// tells of. What functions, triggers, rules and foreign keys change is for the catalog to say.
//
// # What repeats
//
// A text is [sql.Repeatable] if it is one SELECT, VALUES or TABLE that is understood and of ClassReads, and there is not in it, at any depth,
//
//  1. CURRENT_DATE, CURRENT_TIME, CURRENT_TIMESTAMP, LOCALTIME or LOCALTIMESTAMP;
//  2. TABLESAMPLE, also with REPEATABLE: it depends on where rows are;
//  3. a relation in a schema that begins with pg_, in information_schema, or with a name that begins with pg_;
//  4. ctid, xmax, cmin or cmax, which change while no row does, and the type timetz, whose values depend on the present date.
package grammar
