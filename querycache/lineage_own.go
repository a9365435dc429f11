package querycache

import (
	"regexp"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// What code may use that no user has made: functions of Postgres, by name, and some things besides that make a difference, by words of
// our own.
const (
	catalogWord = "(system catalog)"
	lockingWord = "(for update)"
	sampleWord  = "tablesample"
	clockWord   = "current_timestamp"
	runningWord = "query_to_xml"
)

// specialWords are what is looked for in source besides the names of functions: keywords that ask for the time, or are strings that do when
// they are read as one, and the schema in which everything is a catalog.
var specialWords = []string{clockWord, "current_date", "current_time", "localtime", "localtimestamp", "today", "tomorrow", "yesterday", sampleWord,
	"information_schema"}

// timeFunctions are those of Postgres that are stable and depend on time. pg_timezone_names tells whether it is summer.
var timeFunctions = names("now transaction_timestamp statement_timestamp clock_timestamp timeofday age pg_timezone_names pg_timezone_abbrevs " +
	"current_timestamp current_date current_time localtime localtimestamp today tomorrow yesterday pg_postmaster_start_time pg_conf_load_time")

func names(list string) map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(list) {
		m[name] = true
	}
	return m
}

// runningPattern is the functions of Postgres that run SQL which they are given as a string, or by the name of a relation.
const runningPattern = `^((database|schema|table|query|cursor)_to_xml|ts_stat$|ts_rewrite$)`

var running = regexp.MustCompile(runningPattern)

// runs reports whether an own runs what may do anything.
func runs(name string) bool { return running.MatchString(name) }

// isOwn reports whether Postgres has a function of that name.
func isOwn(name string) bool { return sql.Reads(name) || sql.Uncertain(name) }

// reasonOf is why a reply for which an own was used cannot be cached.
func reasonOf(name string) Reason {
	switch {
	case name == catalogWord || name == "information_schema":
		return SystemCatalog
	case name == lockingWord:
		return WritesOrLocks
	case timeFunctions[name]:
		return Time
	case !repeats(name):
		return Volatile
	}
	return Cacheable
}

// reasonInCode is reasonOf where functions, views and policies use it. They ask for the tenant with current_setting: settings are part of
// what has to be equal for two reads to be.
func reasonInCode(name string) Reason {
	if name == "current_setting" {
		return Cacheable
	}
	return reasonOf(name)
}

// repeats reports whether a function of Postgres answers the same as long as what it is given, the data and the settings are the same.
func repeats(name string) bool {
	return sql.Repeats(name)
}
