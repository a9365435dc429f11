package prober

import (
	"fmt"
	"strings"
)

// part is one column of the question.
type part struct {
	name partName
	// column may use `recovering`, which is whether the server is in recovery: all parts go by one answer to that, though a replica
	// may be promoted amid the statement. What raises on a primary or a replica is not asked there.
	column string
	// functions are what it calls: Postgres checks the permission also where it does not come to the call.
	functions []string
}

// partName says what a column is.
type partName int

const (
	// recovery is `t` on a replica.
	recovery partName = iota
	// written is where the next record of a primary goes. A commit with synchronous_commit off is acknowledged before it is on disk,
	// so pg_current_wal_lsn would be too early.
	written
	// flushed is what a primary has on its disk.
	flushed
	// replayed is up to where a replica has replayed.
	replayed
	// writing is the timeline of a primary, the first eight digits of its log file's name. pg_control_checkpoint tells it only after
	// the checkpoint that follows a promotion.
	writing
	// received is the timeline that a replica receives; null to roles without pg_read_all_stats.
	received
	// cluster is the system identifier, which does not change while a connection lives.
	cluster
	// block is the size of a page of the log, which does not change either.
	block

	partCount
)

// The functions that the parts call.
const (
	isInRecovery = "pg_catalog.pg_is_in_recovery()"
	insertLSN    = "pg_catalog.pg_current_wal_insert_lsn()"
	flushLSN     = "pg_catalog.pg_current_wal_flush_lsn()"
	replayLSN    = "pg_catalog.pg_last_wal_replay_lsn()"
	walFileName  = "pg_catalog.pg_walfile_name(pg_catalog.pg_lsn)"
	control      = "pg_catalog.pg_control_system()"
)

// Of every probe, and of a new connection only.
var (
	eachTime = []part{
		{recovery, "recovering", []string{isInRecovery}},
		{written, "CASE WHEN recovering THEN NULL ELSE " + insertLSN + " END", []string{insertLSN}},
		{flushed, "CASE WHEN recovering THEN NULL ELSE " + flushLSN + " END", []string{flushLSN}},
		{replayed, replayLSN, []string{replayLSN}},
		{
			writing,
			"CASE WHEN recovering THEN NULL ELSE pg_catalog.substr(pg_catalog.pg_walfile_name(" + insertLSN + "), 1, 8) END",
			[]string{insertLSN, walFileName},
		},
		{received, "(SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver)", nil},
	}
	once = []part{
		{cluster, "(SELECT system_identifier FROM " + control + ")", []string{control}},
		{block, "pg_catalog.current_setting('wal_block_size')", nil},
	}
)

// question is the statement that asks for parts. A subquery with OFFSET is computed once.
func question(parts []part) string {
	columns := make([]string, len(parts))
	for i, p := range parts {
		columns[i] = p.column
	}
	return fmt.Sprintf("SELECT %s FROM (SELECT %s AS recovering OFFSET 0) AS server", strings.Join(columns, ", "), isInRecovery)
}

// permissions asks which functions we may call, so that no part has to fail for want of a permission, which Postgres would log. One
// that does not exist gives null.
func permissions(functions []string) string {
	columns := make([]string, len(functions))
	for i, f := range functions {
		columns[i] = fmt.Sprintf("pg_catalog.has_function_privilege(pg_catalog.to_regprocedure('%s'), 'EXECUTE')", f)
	}
	return "SELECT " + strings.Join(columns, ", ")
}

// functions are those that parts call, each once.
func functions(parts []part) []string {
	var all []string
	seen := map[string]bool{}
	for _, p := range parts {
		for _, f := range p.functions {
			if !seen[f] {
				seen[f], all = true, append(all, f)
			}
		}
	}
	return all
}
