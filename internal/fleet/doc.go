// Package fleet has processes share what they know of one database: each tells the others what is written through it, and offers them the
// replies that it has got. It blocks and has goroutines; what a record means, and what follows from it, is in files without either.
//
//	apart ──▶ joining ──▶ joined ──▶ apart
//	          (our join record   (a Store's error, a log that has forgotten, another generation,
//	           is read, and all   our own records not read back in time)
//	           have answered)
//
// All members of a fleet write to one log, and read it in one order. The place of a record in it is a position. The rules:
//
//	Telling
//	 1. A record says of each table what is so now: whether a change of it may be under way at the writer, and whether it has been changed since the
//	    record before. So it does not matter how much has happened between two records: one is written as soon as the one before it is.
//	 2. What others learn of by themselves (OpSeen) is not told, but has a record all the same, and so a position.
//	 3. More than maxTold tables are told as the whole database, which is the table without a name.
//
//	Positions
//	 4. A table is written behind every position from when a change of it is noted until the record that tells of the last is read back.
//	 5. Then, and for what others tell, it was written last at the position of that record.
//	 6. A reply is taken only if none of its tables, nor the database as a whole, was written behind its position.
//	 7. Of what was before our join record was read back nothing is known: all was written there.
//
//	Being in touch
//	 8. Members write a record each Pace.Heartbeat at least. Who has not read back, within Pace.Patience more, what he has written is out of touch: so whatever was
//	    in the log longer ago than both together has been heard by all who are in touch.
//	 9. Records of one member that were read back have no gaps: else the log has lost something.
//	10. Out of touch nothing is taken or offered, and nobody notes what is written: the seats are closed, and what was under way there counts as
//	    changed. That, and what was told and not read back, is told by the next join record; who takes a seat then says whether anything was
//	    written meanwhile.
//
//	Joining
//	11. A join record states all that is under way at its writer. Whoever reads it answers with such a state of his own.
//	12. A member has joined when its join record was read back, Heartbeat and Patience have passed since, and all that were heard of have stated theirs: who
//	    has not been heard by then is out of touch.
//
//	Leaving
//	13. A member that leaves says so: nothing is under way any more.
//	14. One that is not heard for Pace.Lease may have died amid a commit, or write where nobody hears it: the whole database counts as being changed, for
//	    Pace.Quarantine, or until it is heard again. Who joins meanwhile is told in the answers (the doubt of a state).
//
// What follows for what a client is told is in decision 0015.
package fleet
