package session

import (
	"encoding/binary"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// postgres is a small Postgres: the protocol of the chapter "Message Flow" and, for SQL, the handful of statements
// that tests say. That it answers as the real one does is what TestModelAnswersAsPostgresDoes checks.
type postgres struct {
	in, held []byte // held is what Postgres keeps in its buffer until it flushes
	out      []byte

	status  byte
	skip    bool // everything up to Sync is ignored, after an error
	stmts   map[string]*statement
	portals map[string]*portal
	copying *copyIn
	dead    bool
	source  string // what the server was told to run
	// seen counts the messages read.
	seen int
}

type statement struct {
	text    string
	params  int
	source  string // what pg_prepared_statements shows
	fromSQL bool
}

type portal struct {
	*statement
	args []string
	rows []string // still to be fetched
	open bool     // executed once
	// inner is what an EXECUTE executes.
	inner *portal
}

// copyIn is a COPY that reads.
type copyIn struct {
	rows     int
	extended bool
	rest     []string // statements of the same simple Query behind it
}

func newPostgres() *postgres {
	return &postgres{status: pgwire.StatusIdle, stmts: map[string]*statement{}, portals: map[string]*portal{}}
}

// pgError is an ErrorResponse on its way; it ends the message that caused it.
type pgError struct {
	severity, code, message string
	// field is one more field, its letter first.
	field string
}

func fail(code, format string, args ...any) {
	panic(pgError{severity: "ERROR", code: code, message: fmt.Sprintf(format, args...)})
}

// failAt fails at a place in the text.
func failAt(source string, at int, code, format string, args ...any) {
	panic(pgError{"ERROR", code, fmt.Sprintf(format, args...), fmt.Sprintf("P%d", utf8.RuneCountInString(source[:at])+1)})
}

// receive takes bytes; they are answered by answer.
func (p *postgres) receive(b []byte) { p.in = append(p.in, b...) }

// answer reads up to n whole messages, all if n < 0, and returns how many it read.
func (p *postgres) answer(n int) (read int) {
	for ; read != n && !p.dead && len(p.in) >= pgwire.HeaderLen; read++ {
		length := pgwire.FrameLen(p.in)
		if length < pgwire.HeaderLen {
			panic(fmt.Sprintf("the server was sent a message of type %q with length %d", p.in[0], length))
		}
		if len(p.in) < length {
			break
		}
		m := p.in[:length]
		p.in = p.in[length:]
		p.seen++
		p.message(m[0], m[pgwire.HeaderLen:])
	}
	return read
}

func (p *postgres) flush() {
	p.out = append(p.out, p.held...)
	p.held = p.held[:0]
}

// taken is what has been sent since the last time.
func (p *postgres) taken() []byte {
	b := p.out
	p.out = nil
	return b
}

func (p *postgres) message(typ byte, body []byte) {
	if p.copying != nil {
		p.duringCopy(typ, body)
		return
	}
	if typ == pgwire.Terminate {
		p.dead = true
		return
	}
	if p.skip && typ != pgwire.Sync {
		return
	}
	switch typ {
	case pgwire.Query:
		delete(p.stmts, "")
		delete(p.portals, "")
		text := strings.TrimSuffix(string(body), "\x00")
		p.source = text
		if !p.guard(false, func() { checkSyntax(text) }) {
			p.ready()
			return
		}
		p.simple(splitSQL(text))
	case pgwire.FunctionCall:
		p.guard(false, func() {
			p.mustNotBeFailed("")
			p.say(pgwire.FunctionCallResponse, []byte{0, 0, 0, 1, '1'})
		})
		p.ready()
	case pgwire.Sync:
		p.skip = false
		p.guard(false, func() {
			if len(body) > 0 {
				fail("08P01", "invalid message format")
			}
		})
		p.ready()
	case pgwire.Flush:
		if len(body) > 0 {
			p.guard(true, func() { fail("08P01", "invalid message format") })
			return
		}
		p.flush()
	case pgwire.CopyData, pgwire.CopyDone, pgwire.CopyFail:
	default:
		if !pgwire.KnownClientType(typ) {
			p.error(pgError{"FATAL", "08P01", fmt.Sprintf("invalid frontend message type %d", typ), ""}, true)
			p.dead = true
			return
		}
		p.guard(true, func() { p.extended(typ, body) })
	}
}

// guard turns an error into its message and its consequences.
func (p *postgres) guard(extended bool, f func()) (ok bool) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case pgError:
			p.error(e, extended)
		default:
			panic(e)
		}
	}()
	f()
	return true
}

func (p *postgres) error(e pgError, extended bool) {
	m := pgwire.AppendError(nil, e.severity, e.code, e.message, "", "")
	if e.field != "" {
		m = append(append(m[:len(m)-1], e.field...), 0, 0)
		binary.BigEndian.PutUint32(m[1:], uint32(len(m)-1))
	}
	p.held = append(p.held, m...)
	p.flush()
	p.skip = extended
	p.copying = nil
	if p.status == pgwire.StatusActive {
		p.status = pgwire.StatusFailed
	}
	if p.status == pgwire.StatusIdle {
		clear(p.portals)
	}
}

func (p *postgres) ready() {
	if p.status == pgwire.StatusIdle {
		clear(p.portals)
	}
	p.held = pgwire.AppendReady(p.held, p.status)
	p.flush()
}

// simple runs the statements of a Query.
func (p *postgres) simple(texts []string) {
	if len(texts) == 0 {
		p.say(pgwire.EmptyQueryResponse, nil)
	}
	for i, text := range texts {
		var copies bool
		ok := p.guard(false, func() {
			p.mustNotBeFailed(text)
			if strings.HasPrefix(text, "execute ") {
				defer p.atOnce(len(p.held))
			} else {
				checkNames(p.source, text)
			}
			s := &portal{statement: &statement{text: text}}
			if p.returnsRows(text) {
				p.say(pgwire.RowDescription, columns)
			}
			copies = p.run(s, 0, false)
		})
		if copies {
			p.copying.rest = texts[i+1:]
			return
		}
		if !ok {
			break
		}
	}
	p.ready()
}

// atOnce: of an EXECUTE that fails nothing is seen but the error.
func (p *postgres) atOnce(from int) {
	if e := recover(); e != nil {
		p.held = p.held[:min(from, len(p.held))]
		panic(e)
	}
}

func (p *postgres) extended(typ byte, body []byte) {
	r := &reader{body}
	switch typ {
	case pgwire.Parse:
		p.parse(r.text(), r.text())
	case pgwire.Bind:
		p.bind(r.text(), r.text(), r)
	case pgwire.Describe:
		p.describe(r.byte(), r.text())
	case pgwire.Execute:
		p.execute(r.cstring(), int(r.int32()))
	case pgwire.Close:
		if kind, name := r.byte(), r.text(); kind == 'S' {
			delete(p.stmts, name)
		} else {
			delete(p.portals, name)
		}
		p.say(pgwire.CloseComplete, nil)
	default:
		panic(fmt.Sprintf("the server was sent a message of type %q", typ))
	}
}

func (p *postgres) parse(name, text string) {
	if name == "" {
		delete(p.stmts, "")
	}
	checkSyntax(text)
	p.mustNotBeFailed(text)
	if !strings.HasPrefix(text, "execute ") {
		checkNames(text, text)
	}
	if p.stmts[name] != nil {
		fail("42P05", "prepared statement %q already exists", name)
	}
	p.stmts[name] = &statement{text: text, params: params(text), source: text}
	p.say(pgwire.ParseComplete, nil)
}

func (p *postgres) statement(name string) *statement {
	if s := p.stmts[name]; s != nil {
		return s
	}
	if name == "" {
		fail("26000", "unnamed prepared statement does not exist")
	}
	fail("26000", "prepared statement %q does not exist", name)
	return nil
}

func (p *postgres) bind(portalName, name string, r *reader) {
	s := p.statement(name)
	formats := int(r.int16())
	r.skip(2 * formats)
	args := make([]string, r.int16())
	for i := range args {
		args[i] = string(r.take(int(r.int32())))
	}
	if len(args) != s.params {
		fail("08P01", "bind message supplies %d parameters, but prepared statement %q requires %d", len(args), name, s.params)
	}
	if s.params > 0 {
		p.mustNotBeFailed("")
	}
	p.mustNotBeFailed(s.text)
	if portalName != "" && p.portals[portalName] != nil {
		fail("42P03", "cursor %q already exists", portalName)
	}
	p.portals[portalName] = &portal{statement: s, args: args}
	p.say(pgwire.BindComplete, nil)
}

func (p *postgres) describe(kind byte, name string) {
	var s *statement
	if kind == 'S' {
		s = p.statement(name)
		if p.returnsRows(s.text) {
			p.mustNotBeFailed("")
		}
		d := binary.BigEndian.AppendUint16(nil, uint16(s.params))
		for range s.params {
			d = binary.BigEndian.AppendUint32(d, 25)
		}
		p.say(pgwire.ParameterDescription, d)
	} else {
		o := p.portals[name]
		if o == nil {
			fail("34000", "portal %q does not exist", name)
		}
		s = o.statement
		if p.returnsRows(s.text) {
			p.mustNotBeFailed("")
		}
	}
	if p.returnsRows(s.text) {
		p.say(pgwire.RowDescription, columns)
		return
	}
	p.say(pgwire.NoData, nil)
}

func (p *postgres) execute(name string, limit int) {
	o := p.portals[name]
	if o == nil {
		fail("34000", "portal %q does not exist", name)
	}
	if o.text == "" {
		p.say(pgwire.EmptyQueryResponse, nil)
		return
	}
	p.mustNotBeFailed(o.text)
	p.source = o.text
	p.run(o, limit, true)
}

func (p *postgres) mustNotBeFailed(text string) {
	if p.status == pgwire.StatusFailed && text != "rollback" && text != "commit" {
		fail("25P02", "current transaction is aborted, commands ignored until end of transaction block")
	}
}

func (p *postgres) duringCopy(typ byte, body []byte) {
	c := p.copying
	switch typ {
	case pgwire.CopyData:
		if strings.HasPrefix(string(body), "bad") {
			p.copyFailed(c, pgError{"ERROR", "22P02", "invalid input syntax", `WCOPY t, line 1, column n: "bad"`})
			return
		}
		c.rows++
	case pgwire.CopyDone:
		p.copying = nil
		p.complete("COPY " + strconv.Itoa(c.rows))
		if !c.extended {
			p.simple2(c.rest)
		}
	case pgwire.CopyFail:
		p.copyFailed(c, pgError{"ERROR", "57014", "COPY from stdin failed: " + (&reader{body}).cstring(), "RCopyGetData"})
	case pgwire.Sync, pgwire.Flush:
	default:
		p.error(pgError{"ERROR", "08P01", fmt.Sprintf("unexpected message type 0x%02X during COPY from stdin", typ), ""}, c.extended)
		p.error(pgError{"FATAL", "08P01", "terminating connection because protocol synchronization was lost", ""}, true)
		p.dead = true
	}
}

// simple2 goes on with a Query behind its COPY.
func (p *postgres) simple2(rest []string) {
	if len(rest) == 0 {
		p.ready()
		return
	}
	p.simple(rest)
}

func (p *postgres) copyFailed(c *copyIn, e pgError) {
	p.error(e, c.extended)
	if !c.extended {
		p.ready()
	}
}

// columns is a RowDescription of one column, "c", of type text.
var columns = append([]byte{0, 1, 'c', 0}, make([]byte, 18)...)

func (p *postgres) say(typ byte, body []byte) {
	p.held = append(p.held, typ)
	p.held = binary.BigEndian.AppendUint32(p.held, uint32(len(body)+4))
	p.held = append(p.held, body...)
}

func (p *postgres) row(v string) {
	b := binary.BigEndian.AppendUint32([]byte{0, 1}, uint32(len(v)))
	p.say(pgwire.DataRow, append(b, v...))
}

func (p *postgres) complete(tag string) { p.say(pgwire.CommandComplete, append([]byte(tag), 0)) }

func (p *postgres) notice(code, message string) {
	at := len(p.held)
	p.held = pgwire.AppendError(p.held, "WARNING", code, message, "", "")
	p.held[at] = pgwire.NoticeResponse
}

// run executes one statement; it reports whether it began to read a COPY.
func (p *postgres) run(o *portal, limit int, extended bool) (copies bool) {
	text := o.text
	if text == string(deallocateAll) {
		text = strings.ToLower(text)
	}
	verb, rest, _ := strings.Cut(text, " ")
	switch verb {
	case "select":
		if !o.open && strings.HasPrefix(rest, "name from pg_prepared_statements") {
			o.open, o.rows = true, slices.DeleteFunc(slices.Sorted(maps.Keys(p.stmts)), func(s string) bool { return s == "" })
		}
		if !o.open {
			o.open, o.rows = true, rowsOf(rest, o.args)
		}
		n := len(o.rows)
		if limit > 0 && limit < n {
			n = limit
		}
		for _, v := range o.rows[:n] {
			p.row(v)
		}
		more := limit > 0 && n == limit // Postgres does not look whether there are more
		o.rows = o.rows[n:]
		if more {
			p.say(pgwire.PortalSuspended, nil)
			return false
		}
		p.complete("SELECT " + strconv.Itoa(n))
	case "begin", "BEGIN":
		if p.status == pgwire.StatusActive {
			p.notice("25001", "there is already a transaction in progress")
		}
		p.status = pgwire.StatusActive
		p.complete("BEGIN")
	case "commit", "rollback":
		was := p.status
		if was == pgwire.StatusIdle {
			p.notice("25P01", "there is no transaction in progress")
		}
		p.status = pgwire.StatusIdle
		clear(p.portals)
		if was == pgwire.StatusFailed {
			verb = "rollback"
		}
		p.complete(strings.ToUpper(verb))
	case "prepare":
		name, text, _ := strings.Cut(rest, " as ")
		name, _, _ = strings.Cut(name, "(")
		checkNames(p.source, text)
		if p.stmts[name] != nil {
			fail("42P05", "prepared statement %q already exists", name)
		}
		p.stmts[name] = &statement{text: text, params: params(text), source: p.source, fromSQL: true}
		p.complete("PREPARE")
	case "execute":
		s, args := p.executed(o.text)
		if s.params == 0 {
			args, rest = nil, "" // Postgres does not look at them
		}
		if len(args) != s.params {
			name, _, _ := strings.Cut(rest, "(")
			fail("42601", "wrong number of parameters for prepared statement %q", name)
		}
		checkNames(p.source, rest)
		if s.text == "" {
			p.complete("EXECUTE")
			break
		}
		if !o.open {
			o.inner = &portal{statement: s, args: args}
			o.open = true
		}
		return p.run(o.inner, limit, extended)
	case "deallocate":
		if rest == "all" {
			unnamed := p.stmts[""]
			clear(p.stmts)
			if unnamed != nil {
				p.stmts[""] = unnamed
			}
			p.complete("DEALLOCATE ALL")
			break
		}
		p.statement(rest)
		delete(p.stmts, rest)
		p.complete("DEALLOCATE")
	case "DISCARD": // only SEQUENCES, of ours
		p.complete("DISCARD SEQUENCES")
	case "discard":
		if p.status != pgwire.StatusIdle {
			fail("25001", "DISCARD ALL cannot run inside a transaction block")
		}
		unnamed := p.stmts[""]
		clear(p.stmts)
		if unnamed != nil {
			p.stmts[""] = unnamed
		}
		p.complete("DISCARD ALL")
	case "copy":
		if strings.HasSuffix(rest, "from stdin") {
			p.say(pgwire.CopyInResponse, []byte{0, 0, 1, 0, 0})
			p.flush()
			p.copying = &copyIn{extended: extended}
			return true
		}
		p.say(pgwire.CopyOutResponse, []byte{0, 0, 1, 0, 0})
		p.say(pgwire.CopyData, []byte("1\n"))
		p.say(pgwire.CopyDone, nil)
		p.complete("COPY 1")
	case "insert":
		p.complete("INSERT 0 1")
	case "set":
		p.complete("SET")
	case "listen":
		p.complete("LISTEN")
	case "create", "alter", "drop":
		kind, _, _ := strings.Cut(strings.TrimPrefix(rest, "temp "), " ")
		p.complete(strings.ToUpper(verb + " " + kind))
	default:
		panic("the model has no statement " + strconv.Quote(o.text))
	}
	return false
}

// rowsOf is the rows of a select.
func rowsOf(what string, args []string) (rows []string) {
	switch {
	case what == "1/0", what == "1/(0*random())":
		fail("22012", "division by zero")
	case what == "$1::text":
		return args
	case strings.HasPrefix(what, "$1"):
		return args
	case strings.HasPrefix(what, "generate_series(1,"):
		n, _ := strconv.Atoi(strings.Trim(what[len("generate_series(1,"):], ")"))
		for i := range n {
			rows = append(rows, strconv.Itoa(i+1))
		}
		return rows
	}
	return []string{strings.Trim(what, "'")}
}

func (p *postgres) returnsRows(text string) bool {
	if what, ok := strings.CutPrefix(text, "execute "); ok {
		name, _, _ := strings.Cut(what, "(")
		s := p.stmts[name]
		if s == nil {
			return false
		}
		return p.returnsRows(s.text)
	}
	return strings.HasPrefix(text, "select ")
}

// executed is what an EXECUTE executes, and with what.
func (p *postgres) executed(text string) (*statement, []string) {
	what := strings.TrimPrefix(text, "execute ")
	name, args, with := strings.Cut(what, "(")
	s := p.statement(name)
	if !with {
		return s, nil
	}
	return s, []string{strings.Trim(args, "')")}
}

// params is how many parameters a statement has: a PREPARE has none itself.
func params(text string) int {
	if strings.HasPrefix(text, "select ") {
		return strings.Count(text, "$1")
	}
	return 0
}

// checkSyntax finds what Postgres finds in the statements of a source before it runs any.
func checkSyntax(source string) {
	if at := badWord.FindStringIndex(source); at != nil {
		failAt(source, at[0], "42601", "syntax error at or near %q", source[at[0]:at[1]])
	}
}

var badWord = regexp.MustCompile(`\b(selec|pool_mode)\b`)

// checkNames finds what Postgres finds when it looks up the names in one statement of a source.
func checkNames(source, text string) {
	if strings.Contains(text, "nope") && !strings.HasPrefix(text, "prepare ") {
		failAt(source, strings.Index(source, "nope"), "42703", "column %q does not exist", "nope")
	}
}

// splitSQL splits a Query at its semicolons.
func splitSQL(text string) (out []string) {
	for _, s := range strings.Split(text, ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// reader reads the fields of a message.
type reader struct{ b []byte }

func (r *reader) take(n int) []byte {
	if n < 0 {
		return nil
	}
	if n > len(r.b) {
		panic("the server was sent a message whose fields do not fit its length")
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

// text is a string that must be text in UTF8.
func (r *reader) text() string {
	s := r.cstring()
	for i, c := range s {
		if c == utf8.RuneError {
			fail("22021", "invalid byte sequence for encoding \"UTF8\": 0x%02x", s[i])
		}
	}
	return s
}

func (r *reader) skip(n int)   { r.take(n) }
func (r *reader) byte() byte   { return r.take(1)[0] }
func (r *reader) int16() int16 { return int16(binary.BigEndian.Uint16(r.take(2))) }
func (r *reader) int32() int32 { return int32(binary.BigEndian.Uint32(r.take(4))) }

func (r *reader) cstring() string {
	s, rest, ok := pgwire.CString(r.b)
	if !ok {
		panic("the server was sent a string without an end")
	}
	r.b = rest
	return string(s)
}
