// Package prepared keeps track of one statement under many names.
//
// A client prepares a statement under a name of its own; the same text is prepared once on each server that runs it,
// under a name that follows from what it says. Three tables, each of one shard and so without a lock:
//
//	client's name ──Names──▶ StmtID ──Statements──▶ text, types, Hash, ServerName
//	                                                          │
//	                                  server ──ServerSet──▶ Hash prepared here?
//
// # Rules
//
//  1. Two statements are one only if the text, the parameter types and the caller's settings (everything that
//     changes what a text means: search_path, role, …) are equal byte for byte. (Trap 18.)
//  2. A Hash means the same on every shard of the process, so a server can move to another shard and its ServerSet
//     stays true. Within a shard equal hashes are checked against the whole text.
//  3. Names does not count references: who puts a StmtID into it retains it before, and releases what Set, Delete
//     and Clear give back.
//  4. A ServerSet says what the server will have when it has answered all that was sent to it. The caller adds a
//     statement when it sends Parse and removes it when the answer is an error, or never comes. (Traps 3, 7.)
//  5. Nothing used since the last Unpin is evicted: a batch that is still being built, or not yet answered, may use
//     it again. A batch that uses more statements than the limit exceeds the limit until it ends. (Trap 6.)
//  6. Invalidate gives a statement a new version under the same server name. A server that has an older one is Stale:
//     Close it there first, then Parse it again. (Trap 19.)
//  7. What PREPARE in SQL makes is a statement too, told from the protocol's by what stands in place of its types
//     (InternSQL). Its own name is part of what it says.
//  8. Everything has a bound: MaxText, MaxTextBytes, MaxNameBytes, MaxBindings, MaxIdle and the server's limit. At a bound
//     the caller is told, and passes the message through or refuses it; nothing grows.
//  9. What a statement returns is its Shape. A name has the one that its client was told, a ServerSet the one of the server's
//     Copy; both are the caller's to note and to compare, and end with the name and the copy. (Trap 19.)
//
// Nothing allocates in the steady state: when texts, names and servers are those seen before.
package prepared
