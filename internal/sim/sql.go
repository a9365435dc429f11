package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// verb is what a statement does.
type verb uint8

const (
	nothing verb = iota
	selects
	inserts
	fails
	sleeps
	notices
	reads // registers
	bumps // one of them
	updates
	alters
	begins
	commits
	rollsBack
	savepoint
	rollsBackTo
	sets // from here on: what may leave something in the session
	setsLocal
	setsConfig
	does
	shows
	resets
	resetsAll
	discardsAll
	discardsSequences
	asksNumber
	deallocates
	deallocatesAll
	prepares
	executes
	copiesIn
	copiesOut
	createsTemp
	dropsTemp
	locks
	unlocks
	listens
	unlistens
	notifies
	lists    // which channels there are
	catalogs // which prepared statements there are
	leaves   // a setting
	scratches
	wrong    // not SQL
	inquires // of the pooler's own, about the session
)

// statement is one statement, in the few forms that the simulated Postgres understands.
type statement struct {
	verb        verb
	text        string
	tag         string // in the text; empty if a parameter brings it
	name, value string
	params      int
	rows, size  int
	from        string // a temporary table
	channel     string
	star        bool // UNLISTEN *
	fromSQL     bool // PREPARE has made it
	called      bool // NOTIFY as a function
	takes       time.Duration
	sub         *statement // of PREPARE and DO
	given       []setting  // by calls of set_config
	local       bool       // those calls end with the transaction
	about       question
	readOnly    bool // BEGIN READ ONLY
}

// returnsRows reports whether the statement has a RowDescription.
func (s *statement) returnsRows() bool {
	switch s.verb {
	case selects, reads, bumps, fails, sleeps, notices, setsConfig, shows, locks, unlocks, inquires, lists, catalogs, leaves, scratches, asksNumber:
		return true
	case notifies:
		return s.called
	}
	return false
}

// exits reports whether the statement may run in a failed transaction.
func (s *statement) exits() bool {
	return s.verb == commits || s.verb == rollsBack || s.verb == rollsBackTo
}

// parseSQL reads a text. Comments carry options: /* rows=3 size=10 @tag@ */.
func parseSQL(text string) []*statement {
	var out []*statement
	for _, part := range splitSQL(text) {
		if st := parseOne(part); st.verb != nothing {
			out = append(out, st)
		}
	}
	return out
}

// splitSQL splits at semicolons outside of quotes; empty parts do not count.
func splitSQL(text string) []string {
	var out []string
	quoted, from := false, 0
	for i := 0; i <= len(text); i++ {
		switch {
		case i == len(text) || text[i] == ';' && !quoted:
			if p := strings.TrimSpace(text[from:i]); p != "" {
				out = append(out, p)
			}
			from = i + 1
		case text[i] == '\'':
			quoted = !quoted
		}
	}
	return out
}

func parseOne(text string) *statement {
	s := &statement{text: text, tag: tagOf([]byte(text)), rows: 1}
	sql := s.options(text)
	words := strings.Fields(sql)
	word := func(i int) string {
		if i < len(words) {
			return strings.ToUpper(words[i])
		}
		return ""
	}
	name := func(i int) string {
		if i < len(words) {
			return strings.ToLower(strings.Trim(words[i], `"`))
		}
		return ""
	}
	switch first, second := word(0), word(1); {
	case sql == "": // a comment
	case first == "SELECT":
		s.parseSelect(sql)
	case first == "INSERT":
		s.verb = inserts
		if strings.Contains(sql, "$1") {
			s.params = 1
		}
	case first == "UPDATE":
		s.verb, s.name = updates, name(1)
		s.params = strings.Count(sql, "$1")
	case first == "ALTER":
		s.verb = alters
	case first == "BEGIN":
		s.verb, s.readOnly = begins, second == "READ"
	case first == "COMMIT":
		s.verb = commits
	case first == "ROLLBACK" && second == "TO":
		s.verb, s.name = rollsBackTo, name(2)
	case first == "ROLLBACK":
		s.verb = rollsBack
	case first == "SAVEPOINT":
		s.verb, s.name = savepoint, name(1)
	case first == "SET" || first == "RESET":
		s.parseSetting(sql, words)
	case first == "DO":
		s.verb, s.sub = does, parseOne(literal(sql))
	case first == "LISTEN" || first == "UNLISTEN" || first == "NOTIFY":
		s.parseChannels(sql, words)
	case first == "SHOW":
		s.verb, s.name = shows, name(1)
	case first == "DISCARD" && second == "ALL":
		s.verb = discardsAll
	case first == "DISCARD" && second == "SEQUENCES":
		s.verb = discardsSequences
	case first == "DISCARD" && second == "TEMP":
		s.verb = dropsTemp
	case first == "DROP":
		s.verb, s.name = dropsTemp, name(2)
	case first == "DEALLOCATE" && second == "ALL":
		s.verb = deallocatesAll
	case first == "DEALLOCATE":
		s.verb, s.name = deallocates, identifier(words[1])
	case first == "PREPARE" && word(2) == "AS":
		s.verb, s.name = prepares, identifier(words[1])
		s.sub = parseOne(text[strings.Index(strings.ToUpper(text), " AS ")+4:])
	case first == "EXECUTE":
		s.verb, s.value = executes, literal(sql)
		s.name = identifier(strings.SplitN(strings.TrimSpace(sql[len("EXECUTE"):]), "(", 2)[0])
	case first == "COPY" && word(2) == "FROM":
		s.verb, s.name = copiesIn, name(1)
	case first == "COPY":
		s.verb, s.name = copiesOut, name(1)
	case first == "CREATE" && second == "TEMP":
		s.verb, s.name = createsTemp, name(3)
	default:
		s.verb = wrong
	}
	return s
}

// identifier reads a name as SQL does: folded to small letters unless it is quoted.
func identifier(word string) string {
	word = strings.TrimSpace(word)
	if q := strings.Trim(word, `"`); q != word {
		return q
	}
	return strings.ToLower(word)
}

func (s *statement) parseSelect(sql string) {
	s.verb = selects
	if strings.Contains(sql, "$1") {
		s.params = 1
	}
	switch {
	case s.parseQuestion(sql):
		return
	case s.parseRegisters(sql):
		return
	case s.parseCall(sql):
		return
	case s.parseChannelFunction(sql):
		return
	case strings.Contains(sql, "set_config(name"): // where there is such a setting
		s.rows = 0
		return
	case strings.Contains(sql, "FROM pg_prepared_statements"):
		s.verb = catalogs
		return
	case strings.Contains(sql, "set_config("):
		s.parseSetConfig(sql)
	case strings.Contains(sql, "pg_advisory_lock("):
		s.verb = locks
	case strings.Contains(sql, "pg_advisory_unlock_all("):
		s.verb = unlocks
	case strings.Contains(sql, "lastval("):
		s.verb = asksNumber
	case strings.Contains(sql, "fail("):
		s.verb = fails
	case strings.Contains(sql, "notice("):
		s.verb = notices
	case strings.Contains(sql, "pg_sleep("):
		s.verb = sleeps
		_, rest, _ := strings.Cut(sql, "pg_sleep(")
		number, _, _ := strings.Cut(rest, ")")
		seconds, _ := strconv.ParseFloat(number, 64)
		s.takes = time.Duration(seconds * float64(time.Second))
	}
	if _, table, ok := strings.Cut(sql, " FROM "); ok {
		s.from = strings.ToLower(strings.TrimSpace(table))
	}
}

// options takes the comments out, and what they say.
func (s *statement) options(text string) string {
	for {
		i := strings.Index(text, "/*")
		j := strings.Index(text, "*/")
		if i < 0 || j < i {
			return strings.TrimSpace(text)
		}
		for _, word := range strings.Fields(text[i+2 : j]) {
			_, _ = fmt.Sscanf(word, "rows=%d", &s.rows)
			_, _ = fmt.Sscanf(word, "size=%d", &s.size)
		}
		text = text[:i] + " " + text[j+2:]
	}
}

// literals is the strings in a text; two quotes in one are a quote, two backslashes in one of kind E a backslash.
func literals(sql string) (out []string) {
	for {
		before, rest, found := strings.Cut(sql, "'")
		if !found {
			return out
		}
		var b strings.Builder
		for {
			part, more, _ := strings.Cut(rest, "'")
			b.WriteString(part)
			if rest = more; !strings.HasPrefix(rest, "'") {
				break
			}
			b.WriteByte('\'')
			rest = rest[1:]
		}
		value := b.String()
		if strings.HasSuffix(before, "E") {
			value = strings.ReplaceAll(value, `\\`, `\`)
		}
		out, sql = append(out, value), rest
	}
}

// literal is the first of them.
func literal(sql string) string {
	if l := literals(sql); len(l) > 0 {
		return l[0]
	}
	return ""
}
