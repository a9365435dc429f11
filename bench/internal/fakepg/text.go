package fakepg

import (
	"regexp"
	"strings"
)

// verb is what a statement does, as far as the fake knows.
type verb uint8

const (
	other    verb = iota // nothing but its tag
	nothing              // the empty query
	selects              // one row that is always the same
	finds                // a question to the catalog, in which there is nothing
	begins               // opens a transaction
	commits              // ends one
	rollback             // ends one, whatever its state
	fails                // an error, on demand
	sets                 // changes settings
	assigns              // as sets, by set_config, which answers with their values
	shows                // the value of a setting
	asks                 // a setting's name, its value, and, perhaps, whether that is not the session's own
	discards             // everything
)

// statement is what is remembered of one statement.
type statement struct {
	verb    verb
	tag     string
	done    []byte // CommandComplete with the tag
	columns []byte // the RowDescription; nil if there are no rows
	row     []byte // of selects
	changes []change
	name    string // of the setting that shows and asks mean
	origin  bool   // asks whether the value is not the session's own, too
}

// change is what a statement does to one setting.
type change struct {
	name, value string // without a name: all of them
	reset       bool
	local       bool // until the transaction ends
}

// text is what is remembered of a text: its statements, and whether it is one that clients say.
type text struct {
	statements []statement
	extra      bool
}

// texts is what is remembered of texts, so that each is read once.
type texts struct {
	known    map[string]*text
	expected map[string]bool // nil: any
}

func newTexts() texts { return texts{known: map[string]*text{}} }

// maxTexts bounds what is remembered.
const maxTexts = 1 << 16

// of is a text that has been read.
func (t *texts) of(sql []byte) *text {
	if x := t.known[string(sql)]; x != nil {
		return x
	}
	if len(t.known) >= maxTexts {
		clear(t.known)
	}
	x := &text{extra: t.expected != nil && !t.expected[string(sql)]}
	for _, one := range split(string(sql)) {
		st := read(one)
		st.done = complete(st.tag)
		x.statements = append(x.statements, st)
	}
	t.known[string(sql)] = x
	return x
}

// expect tells what clients say.
func (t *texts) expect(all []string) {
	t.expected = map[string]bool{}
	for _, sql := range all {
		t.expected[sql] = true
	}
	clear(t.known)
}

// split cuts a text into statements, at least one. It knows literals, and those with backslashes, but no other quotes.
func split(sql string) (statements []string) {
	begin := 0
	for i := 0; i < len(sql); i++ {
		switch sql[i] {
		case '\'':
			i = literalEnd(sql, i)
		case ';':
			statements = append(statements, strings.TrimSpace(sql[begin:i]))
			begin = i + 1
		}
	}
	if rest := strings.TrimSpace(sql[begin:]); rest != "" || len(statements) == 0 {
		statements = append(statements, rest)
	}
	return statements
}

// literalEnd is where the literal ends that begins at a quote. A doubled quote ends one and begins another.
func literalEnd(sql string, quote int) int {
	escapes := quote > 0 && (sql[quote-1] == 'E' || sql[quote-1] == 'e')
	for i := quote + 1; i < len(sql); i++ {
		switch {
		case sql[i] == '\\' && escapes:
			i++
		case sql[i] == '\'':
			return i
		}
	}
	return len(sql)
}

// The statements about settings, as clients and poolers write them.
var (
	setOne     = regexp.MustCompile(`(?is)^SET\s+(SESSION\s+|LOCAL\s+)?([\w.]+)\s*(?:=|\sTO\s)\s*(?:E')?(.*)$`)
	resetOne   = regexp.MustCompile(`(?is)^RESET\s+([\w."]+)$`)
	setConfig  = regexp.MustCompile(`set_config\(\s*E?'([^']*)',\s*E?'([^']*)',\s*(true|false)\)`)
	showOne    = regexp.MustCompile(`^SELECT current_setting\('([^']*)'\)$`)
	askOne     = regexp.MustCompile(`^SELECT\s+E?'([^']*)',pg_catalog\.current_setting\(`)
	askSession = regexp.MustCompile(`^SELECT ''(,|$)`)
)

// read makes a statement of its text.
func read(sql string) statement {
	if m := setOne.FindStringSubmatch(sql); m != nil {
		c := change{name: strings.ToLower(m[2]), value: strings.Trim(m[3], "'"), local: strings.HasPrefix(strings.ToUpper(m[1]), "LOCAL")}
		return statement{verb: sets, tag: "SET", changes: []change{c}}
	}
	if m := resetOne.FindStringSubmatch(sql); m != nil {
		c := change{name: strings.ToLower(strings.ReplaceAll(m[1], `"`, "")), reset: true}
		if c.name == "all" {
			c.name = ""
		}
		return statement{verb: sets, tag: "RESET", changes: []change{c}}
	}
	if strings.HasPrefix(sql, "SELECT ") {
		return readSelect(sql)
	}
	return readOther(strings.ToUpper(sql))
}

// readSelect makes a statement of a SELECT. One that the fake has no notion of is answered as SELECT 1 is.
func readSelect(sql string) statement {
	s := statement{verb: selects, tag: "SELECT 1", columns: oneColumn, row: oneRow}
	if m := showOne.FindStringSubmatch(sql); m != nil {
		s.verb, s.name, s.columns = shows, strings.ToLower(m[1]), textColumns(1)
	} else if m := askOne.FindStringSubmatch(sql); m != nil {
		s.verb, s.name, s.origin = asks, strings.ToLower(m[1]), strings.Contains(sql, "source ")
		s.columns = textColumns(2)
		if s.origin {
			s.columns = textColumns(3)
		}
	} else if all := setConfig.FindAllStringSubmatch(sql, -1); all != nil {
		s.verb, s.columns = assigns, textColumns(len(all))
		for _, m := range all {
			s.changes = append(s.changes, change{name: strings.ToLower(m[1]), value: m[2], local: m[3] == "true"})
		}
	} else if askSession.MatchString(sql) {
		kinds := strings.Count(sql, "EXISTS(") // of state, of which there is none
		values := [][]byte{{}}
		for range kinds {
			values = append(values, []byte("f"))
		}
		s.columns, s.row = textColumns(1+kinds), appendRow(nil, values...)
	}
	return s
}

// readOther makes a statement of a text in capitals.
func readOther(sql string) statement {
	word, _, _ := strings.Cut(sql, " ")
	switch word {
	case "":
		return statement{verb: nothing}
	case "BEGIN", "START":
		return statement{verb: begins, tag: "BEGIN"}
	case "COMMIT", "END":
		return statement{verb: commits, tag: "COMMIT"}
	case "ROLLBACK", "ABORT":
		return statement{verb: rollback, tag: "ROLLBACK"}
	case "FAIL":
		return statement{verb: fails}
	case "WITH":
		if strings.Contains(sql, "SELECT 'LINEAGE'") { // what a query cache asks: there are no tables, and that is all
			none := []byte("0")
			return statement{verb: selects, tag: "SELECT 1", columns: textColumns(5), row: appendRow(nil, []byte("lineage"), none, none, none, none)}
		}
		return statement{verb: finds, tag: "SELECT 0", columns: textColumns(3)}
	case "DISCARD":
		return statement{verb: discards, tag: "DISCARD ALL", changes: []change{{reset: true}}}
	case "DEALLOCATE":
		return statement{verb: discards, tag: "DEALLOCATE ALL"}
	}
	return statement{tag: word}
}
