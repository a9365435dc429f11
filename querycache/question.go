package querycache

import (
	"regexp"
	"strconv"
	"strings"
)

// QuestionColumns is how many columns the rows of the answer to the [Question] have.
const QuestionColumns = 5

// Question asks a database what its reads depend on and its writes reach; [LineageBuilder] takes the answer. It is one SELECT, for any role,
// on Postgres 13 to 18, whatever search_path and standard_conforming_strings are: no backslash stands in it, and what it calls and reads from
// is named with its schema. With jit on, Postgres would compile it for seconds: SET LOCAL jit TO off belongs before it.
//
// The catalog is told as a graph of names. Objects of one name, in several schemas or with several signatures, are one: what is true of any
// of them is held against all. Columns are: the sort of the row, and
//
//   - relation, function, own: the number of the first, names (a line each), flags (a comma between), a hash of the code behind them. An own
//     is a function of Postgres, or what else makes a difference in code: see lineage_own.go.
//   - edges: how (letters of [how]), and pairs of ends (a space between): r5 f7 is from the relation 5 to the function 7. x0 is
//     what any text may use without a word of it: operators, casts, types and domains.
//   - lineage: the answer is complete; how many there are of relations, functions, owns and edges.
//
// A name with bytes that are not printable ASCII is told as a question mark and a hash, because in which encoding it comes is the client's
// choice: no text mentions it. A row is no longer than 8 KiB, all of them no longer than [maxAnswer]: of a database with more there is
// no last row. Temporary objects, which are a session's own, are left out.
//
// What functions in SQL and PL/pgSQL use is found by the words of their source: every word that is the name of a relation or function is
// an edge. A name that is no plain word is found by its first part that is one.
var Question = buildQuestion()

// maxAnswer bounds the answer, in bytes of names and edges. 100,000 tables with two edges each have 6 MiB.
const maxAnswer = 8 << 20

// namesTogether and edgesTogether are how many come in one row: names have up to 63 bytes, ends of edges 8.
const (
	namesTogether = 64
	edgesTogether = 256
)

func buildQuestion() string {
	words := strings.NewReplacer(
		"$NAME", `CASE WHEN n COLLATE "C" ~ '[^ -~]' THEN '?'||md5(n) ELSE n END COLLATE "C"`,
		"$KEY", `coalesce((regexp_match(lower(n COLLATE "C"),'[a-z0-9_]+'))[1],'?') COLLATE "C"`,
		"$NOTCALLED", "'internal'::regtype=ANY(p.proargtypes) OR p.prorettype IN ('internal'::regtype,'event_trigger'::regtype,'language_handler'::regtype,"+
			"'fdw_handler'::regtype,'index_am_handler'::regtype,'table_am_handler'::regtype,'tsm_handler'::regtype)",
		"$DYNAMIC", dynamicCode, "$DEFINES", definingCode, "$BUT", harmlessCode,
		"$QUIET", listed(quietExtensions), "$STEADY", listed(steadyExtensions),
		"$SPECIAL", listed(specialWords), "$CATALOGWORD", quoted(catalogWord), "$LOCKING", quoted(lockingWord), "$SAMPLE", quoted(sampleWord),
		"$CLOCK", quoted(clockWord), "$RUNS", quoted(runningWord), "$RUNNING", runningPattern,
		"$BYTES", strconv.Itoa(maxAnswer), "$TOGETHER", strconv.Itoa(namesTogether), "$EDGES", strconv.Itoa(edgesTogether),
	)
	return qualified(words.Replace(words.Replace(questionSQL)))
}

// quoted is a string of SQL; listed is several. None has a quote or a backslash.
func quoted(word string) string    { return "'" + word + "'" }
func listed(words []string) string { return "'" + strings.Join(words, "','") + "'" }

// unqualified is the catalogs, functions and types that the question names. Not all are followed by what tells them from columns.
var unqualified = regexp.MustCompile(`\b(FROM|JOIN) (pg_[a-z]+)|::(text|oid|regtype|regproc|bigint|numeric)\b|` +
	`\b(left|md5|lower|regexp_match|regexp_matches|regexp_split_to_table|regexp_replace|strpos|concat|hashtextextended|pg_get_functiondef|` +
	`dense_rank|row_number|chr|bit_or|sum|count|min|max|string_agg|octet_length|bool_or)\(`)

// qualified names the schema of all of them.
func qualified(sql string) string {
	return unqualified.ReplaceAllStringFunc(sql, func(found string) string {
		switch i := strings.LastIndexAny(found, " :") + 1; found[i:] {
		case "bigint":
			return "::pg_catalog.int8"
		default:
			return found[:i] + "pg_catalog." + found[i:]
		}
	})
}
