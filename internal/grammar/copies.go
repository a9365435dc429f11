package grammar

import "bytes"

// maxCopied is how long a text may be, in bytes, if it were written out with every copy that the parser makes of its parts.
//
// In SET (a, b, c) = (…), the parser's tree has what is assigned once for each column, and so it is in the tree's JSON. Where that holds another
// UPDATE, in a common table expression, the copies multiply: 500 bytes become more than the parser has memory for, which ends the process.
const maxCopied = 4 * MaxText

// assignable reports whether the parenthesis at i may begin a list of columns: behind SET, or behind the comma of another assignment.
func (m *measure) assignable(i int) bool {
	before := bytes.TrimRight(m.form[:i], " ")
	return bytes.HasSuffix(before, []byte("set")) || bytes.HasSuffix(before, []byte(","))
}

// columns is how many it has, if it may be a list of them, and else 1.
func (l *level) columns() int {
	if !l.list {
		return 1
	}
	return l.commas + 1
}

// assign counts the copies that an = at i makes behind a list of columns.
func (m *measure) assign(i int) {
	if m.form[i] != '=' || m.closed == 0 || len(bytes.TrimSpace(m.form[m.closed:i])) > 0 {
		return
	}
	l := m.top()
	l.times = max(l.times, m.columns) // assignments one behind another are not in each other
	m.copies = max(m.copies, m.here())
}

// here is how often what stands at the present place is in the tree. It stops counting where that is too often in any case.
func (m *measure) here() int {
	l := m.top()
	return min(l.copies*l.times, maxCopied+1)
}
