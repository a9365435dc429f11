// Package session is the two machines that face each other inside the multiplexer, and the link between them:
// [Client] reads what an application sends, [Server] reads what Postgres answers. Both are told bytes (Feed) and
// emit bytes; neither knows a socket, a clock or a pool.
//
// # The life of a client
//
//	Welcoming ──▶ Idle ◀──────────────┐
//	   │           │ a frame that      │ release: see Server.Releasable
//	   ▼           ▼ needs a server    │
//	   └────▶ Waiting ──▶ Preparing ──▶ Linked ──▶ Gone
//	           queue      settings
//
// # What is owed
//
// For every message that goes to a server the server's queue of owed replies ([Owed]) gets an entry that says which
// message of the server ends it and whether the client sees it. That is how a reply finds its way when messages were
// put in (a Parse for a statement this server does not have yet), left out (a Parse for one it has), or answered by
// us in between: the client sees exactly what Postgres would have sent, in the order Postgres would have sent it.
//
// # Names of prepared statements
//
// A client's names are its own (prepared.Names), whether SQL or the protocol has given them; a server knows the statements
// by other names, that follow from what they say. So a name in SQL is replaced (reading.go, rewrite.go); what SQL gives and
// takes is noted when Postgres says that it has run (mentions.go); errors are turned back (errors.go, places.go); and where
// that cannot be done, the server is given the client's own names and stays with it (native.go).
//
// # Whose the bytes are
//
// Bytes given to Feed are forwarded by reference: they stay unchanged until the turn ends. Bytes built here live in
// Env's scratch memory, which is reused when the next turn begins.
package session
