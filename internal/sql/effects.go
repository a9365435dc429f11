package sql

import "strings"

// Effects is what any statement of a text may leave in the session, or needs from the pooler.
type Effects uint64

const (
	// SetsSession is SET x, SET SESSION x, SET TIME ZONE, SET ROLE, SET SESSION AUTHORIZATION, SET SESSION
	// CHARACTERISTICS, and whatever names pg_settings, where an UPDATE is a SET, but does not begin as a query. What
	// names seed or a characteristic of the transaction that runs (transaction_read_only) Seeds or SetsLocal instead, also
	// with RESET and set_config.
	SetsSession Effects = 1 << iota
	// SetsLocal is SET LOCAL, SET TRANSACTION, SET CONSTRAINTS and set_config(…, true): gone with the transaction.
	SetsLocal
	// Resets is RESET x and RESET ALL.
	Resets
	// CallsSetConfig is a call of set_config, unless its third argument is the word true.
	CallsSetConfig
	// Listens is LISTEN.
	Listens
	// Unlistens is UNLISTEN x and UNLISTEN *.
	Unlistens
	// Temp is CREATE TEMP …, SELECT … INTO TEMP …, and anything named in the schema pg_temp.
	Temp
	// AdvisoryLock is a call of a session-level advisory lock function, try included.
	AdvisoryLock
	// AdvisoryUnlock is a call of pg_advisory_unlock, _unlock_shared or _unlock_all.
	AdvisoryUnlock
	// HoldCursor is DECLARE … WITH HOLD.
	HoldCursor
	// SQLPrepare is PREPARE name AS. Its name is in Names.
	SQLPrepare
	// SQLExecute is EXECUTE name, also below EXPLAIN and CREATE TABLE AS. Its name is in Names.
	SQLExecute
	// Deallocates is DEALLOCATE name. Its name is in Names.
	Deallocates
	// DeallocatesAll is DEALLOCATE ALL.
	DeallocatesAll
	// DiscardsAll is DISCARD ALL.
	DiscardsAll
	// Discards is DISCARD of PLANS, SEQUENCES or TEMP.
	Discards
	// Loads is LOAD.
	Loads
	// SequenceState is a call of currval or lastval: it depends on state of this session.
	SequenceState
	// Nextval is a call of nextval or setval: currval, and lastval, of this session answer differently afterwards.
	Nextval
	// Seeds is a call of setseed and SET seed, LOCAL or not: random() of this session answers differently afterwards.
	Seeds
	// Terminates and Cancels are calls of pg_terminate_backend and pg_cancel_backend.
	Terminates
	Cancels
	// Begins is BEGIN and START TRANSACTION.
	Begins
	// Ends is COMMIT, END, ROLLBACK, ABORT and PREPARE TRANSACTION; not ROLLBACK TO, nor COMMIT or ROLLBACK PREPARED.
	Ends
	// Copies is COPY … FROM STDIN and COPY … TO STDOUT.
	Copies
	// DoBlock is DO and CALL: code that is not seen.
	DoBlock
	// SetsUnknown is a change of settings whose names the text does not show: set_config whose first argument is no plain
	// string, whatever names pg_settings but does not begin as a query, a SET that cannot be read, more than MaxChanges,
	// and any change in or behind a CREATE whose body may hold semicolons.
	SetsUnknown
	// AltersDefaults is ALTER of a ROLE, USER, GROUP, DATABASE or the SYSTEM with SET or RESET: what new sessions begin
	// with.
	AltersDefaults
	// Closes is CLOSE.
	Closes
	// Drops is DROP of anything.
	Drops
	// Notifies is NOTIFY, and a call of pg_notify.
	Notifies
	// ListsStatements is whatever names pg_prepared_statements, and a call of pg_prepared_statement.
	ListsStatements
	// ListsChannels is a call of pg_listening_channels.
	ListsChannels
	// AsksPooler is SHOW of a setting of the pooler's own, whose name begins with pgmux., and a call of current_setting with such a name.
	AsksPooler
	// Multi is more than one statement. The bodies of CREATE RULE and of BEGIN ATOMIC functions count as well.
	Multi
	// Unknown is a text that could not be read for certain.
	Unknown
)

var effectNames = [...]string{
	"SetsSession", "SetsLocal", "Resets", "CallsSetConfig", "Listens", "Unlistens", "Temp", "AdvisoryLock",
	"AdvisoryUnlock", "HoldCursor", "SQLPrepare", "SQLExecute", "Deallocates", "DeallocatesAll", "DiscardsAll",
	"Discards", "Loads", "SequenceState", "Nextval", "Seeds", "Terminates", "Cancels", "Begins", "Ends", "Copies", "DoBlock",
	"SetsUnknown", "AltersDefaults", "Closes", "Drops", "Notifies", "ListsStatements", "ListsChannels", "AsksPooler", "Multi",
	"Unknown",
}

// Has reports whether any of the effects in mask is there.
func (e Effects) Has(mask Effects) bool { return e&mask != 0 }

// String lists the effects by name, separated by "|". For people and tests: it allocates.
func (e Effects) String() string {
	var names []string
	for i, name := range effectNames {
		if e&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}
