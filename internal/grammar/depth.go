package grammar

import "github.com/pgmux/caddy-pgmux/internal/sql"

// maxDepth is how deep a text may be nested. The parser's stack holds 170 subqueries one in another; beyond, it breaks for good.
const maxDepth = 80

// measured is what the parser will make of a text, given its normal form: at least how deep its tree is, in levels of what takes most of the
// parser's stack, and how often a part of it is there (copies.go).
//
// A level is what is within parentheses, brackets, or CASE and END. Within one, operators and what is like them count, for each
// may have all before it, or behind it, as an operand: until a comma, AND or OR, which Postgres makes flat lists of. JOIN and UNION
// nest whatever is between them.
func measured(form []byte) measure {
	m := measure{form: form, levels: make([]level, 1, 16), copies: 1}
	m.levels[0].copies, m.levels[0].times = 1, 1
	for i := 0; i < len(form); {
		i = m.token(i)
	}
	return m
}

// level is one that is open.
type level struct {
	// base is the depth at which its items begin, depth that of the present one, deepest that of any.
	base, depth, deepest int
	// isCase: END ends it. between: the next AND is not the one that joins conditions.
	isCase, between bool
	// list: it may be one of columns that are assigned to. commas is how many there have been.
	list   bool
	commas int
	// copies is how often the level is in the tree, and times how much more often that part of it is which is there most often.
	copies, times int
}

type measure struct {
	form   []byte
	levels []level // never empty
	// deepest is the depth of the tree, copies how often that part of it is there which is there most often.
	deepest, copies int
	// closed is the place behind the parenthesis that was closed last, columns the columns that may be assigned to in it.
	closed, columns int
}

func (m *measure) top() *level { return &m.levels[len(m.levels)-1] }

// token counts the token at i and returns the place behind it.
func (m *measure) token(i int) int {
	switch c := m.form[i]; {
	case c == '"':
		for i++; i < len(m.form) && m.form[i] != '"'; i++ {
		}
		return i + 1
	case isWord(c):
		j := i + 1
		for j < len(m.form) && isWord(m.form[j]) {
			j++
		}
		m.word(string(m.form[i:j]))
		return j
	case c == '(' || c == '[':
		m.open(false)
		m.top().list = m.assignable(i)
	case c == ')' || c == ']':
		m.close()
		m.closed = i + 1
	case c == ',', c == ';' && len(m.levels) == 1:
		m.top().depth = m.top().base
		m.top().commas++
	case c != ' ' && c != '.':
		return m.operator(i)
	}
	return i + 1
}

// word counts one.
func (m *measure) word(w string) {
	switch l := m.top(); w {
	case "case":
		m.open(true)
	case "end":
		if l.isCase {
			m.close()
		}
	case "and", "or":
		if l.between {
			l.between = false
		} else {
			l.depth = l.base
		}
	case "between":
		l.between = true
		m.deeper(1)
	case "union", "intersect", "except", "join":
		l.base++
		m.deeper(1)
	case "not", "is", "isnull", "notnull", "in", "like", "ilike", "similar", "escape", "collate", "at", "operator", "overlaps", "explain":
		m.deeper(1)
	}
}

// operator counts the operators at i: as many as there are characters, unless it is one of those that take no other of their
// kind as an operand.
func (m *measure) operator(i int) int {
	j := i + 1
	for j < len(m.form) && !isWord(m.form[j]) && m.form[j] != ' ' && m.form[j] != '"' && m.form[j] != ')' && m.form[j] != ',' && m.form[j] != '.' {
		j++
	}
	m.assign(i)
	switch string(m.form[i:j]) {
	case "=", "<", ">", "<=", ">=", "<>", "!=", sql.Placeholder[:1]:
	default:
		m.deeper(j - i)
	}
	return j
}

func (m *measure) deeper(n int) {
	l := m.top()
	l.depth += n
	l.deepest = max(l.deepest, l.depth)
	m.deepest = max(m.deepest, l.depth)
}

func (m *measure) open(isCase bool) {
	m.deeper(1)
	depth := m.top().depth
	m.levels = append(m.levels, level{base: depth, depth: depth, deepest: depth, isCase: isCase, copies: m.here(), times: 1})
}

// close ends a level: what comes behind may have all of it as an operand.
func (m *measure) close() {
	if len(m.levels) == 1 {
		return // not SQL
	}
	deepest := m.top().deepest
	m.columns = m.top().columns()
	m.levels = m.levels[:len(m.levels)-1]
	l := m.top()
	l.depth = max(l.depth, deepest)
	l.deepest = max(l.deepest, l.depth)
}

// isWord reports whether a byte of a normal form belongs to a word.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}
