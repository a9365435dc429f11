// Package querycache keeps the replies to reads, and knows when they stop being true. It is pure: it is told what was asked, what was
// answered and what was written, and looks at no clock.
//
// The pieces, each on its own:
//
//	Key       what must be equal for two reads to have the same reply
//	Lineage   what a read depends on and a write reaches, by the catalog of a database
//	Ledger    what has been written in a database: a state for each of its tables
//	Evidence  the states of the tables that a reply depends on, when it was asked for
//	Recording a reply, while it passes
//	Cache     entries, by key: bounded in bytes, looked up without a lock
//	Flights   the reads that are being asked for just now
//	Forms     figures by normal form
//	Witness   who is told of what is written, and Store, what processes share (sharing.go)
//
// A reply may be served as long as
//
//  1. its time has not passed;
//  2. nothing that it depends on has been written since before it was asked for, nor is being committed now (Evidence.Holds).
//
// That is the whole rule: whoever writes changes the state of what he may have written, before he is told that he has; nobody has to find
// the entries.
package querycache
