package sim

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// registers is what the database of a world with query caches holds: a few tables with one value each. What is written is the tag of
// the statement that has, so every value is written once, and says which commit it is of.
//
// There are r0 to r3; whatever changes r2 changes r3 as well, by a trigger; and w0 is a view of r0 and r1.
type registers struct {
	// states is what they are after each commit; the first is of before all. before is the commit that each of them follows: of a cluster whose
	// primary is replaced several may follow the same.
	states []map[string]string
	before []int
	// at is which commit a tag is of.
	at map[string]int
	// known is the commits that some client has been told of: who asks from now on must see them, but for what is lost with a primary.
	known []int
	// early is those that nobody may be held to have seen; see entry.
	early map[int]bool
	// executed is when a read was executed, by its number; seen: a client has been given it.
	executed []int64
	seen     map[int]bool
	// generation is how often the catalog has been changed.
	generation int
	// cached counts the replies that were given more than once; forgetful: what clients were shown, but not told that it is committed, may be
	// lost sight of.
	cached    int
	forgetful bool
}

// nobodys is the value that a register begins with.
const nobodys = "-"

func newRegisters() *registers {
	first := map[string]string{}
	for i := range 4 {
		first["r"+strconv.Itoa(i)] = nobodys
	}
	return &registers{states: []map[string]string{first}, before: []int{0}, at: map[string]int{}, early: map[int]bool{}, seen: map[int]bool{}}
}

// CachedReplies is how many replies clients were given that another, or the same, had been given before.
func (w *World) CachedReplies() int { return w.registers.cached }

// commit takes what a transaction has written where the newest commit was that one.
func (r *registers) commit(newest int, written map[string]string) {
	next := maps.Clone(r.states[newest])
	for name, tag := range written {
		next[name] = tag
		r.at[tag] = len(r.states)
	}
	r.states, r.before = append(r.states, next), append(r.before, newest)
}

// follows reports whether one commit is another, or was made on top of it.
func (r *registers) follows(at, earlier int) bool {
	for at > earlier {
		at = r.before[at]
	}
	return at == earlier
}

// registerRead is a text that reads registers: of tables, or of the view.
var registerRead = regexp.MustCompile(`^SELECT v FROM ([rw][0-3](?:, r[0-3])*)(?: WHERE k = (\$1|'[a-z]*'))?$`)

// registerCall is a call of a function that writes to one: nobody knows what bumps does, and raises writes to r1.
var registerCall = regexp.MustCompile(`^SELECT (?:bumps|raises)\((r[0-3]),`)

// parseRegisters reads what is about registers.
func (s *statement) parseRegisters(sql string) bool {
	if m := registerRead.FindStringSubmatch(sql); m != nil {
		s.verb, s.name, s.value = reads, m[1], strings.Trim(m[2], "'")
		if s.params = strings.Count(m[2], "$1"); m[1] == "w0" {
			s.name = "r0, r1"
		}
		return true
	}
	m := registerCall.FindStringSubmatch(sql)
	if m != nil {
		s.verb, s.name = bumps, m[1]
	}
	return m != nil
}

// writeRegister notes that a transaction has given a register a value.
func (s *Session) writeRegister(name, tag string) {
	written := maps.Clone(s.now.registers)
	if written == nil {
		written = map[string]string{}
	}
	if written[name] = tag; name == "r2" {
		written["r3"] = tag
	}
	s.now.registers, s.now.writes = written, append(s.now.writes, tag)
}

// readRegisters is the row that a read returns: each value, what was asked for besides, and the number of the execution. A private session
// knows what its transaction has written, and does not know the rest.
func (s *Session) readRegisters(st *statement, args []string) []byte {
	committed, number := map[string]string{}, "?"
	if s.Registers != nil {
		committed, number = s.Registers()
	}
	var row []string
	for _, name := range strings.Split(st.name, ", ") {
		value := s.now.registers[name]
		if value == "" {
			value = committed[name]
		}
		if value == "" {
			value = "?"
		}
		row = append(row, name+"="+value)
	}
	asked := st.value
	if len(args) > 0 {
		asked = args[0]
	}
	return []byte(strings.Join(append(row, "k="+asked, "#="+number), " "))
}

// registers is what a backend sees of them, and the number of this look.
func (b *Backend) registers() (map[string]string, string) {
	r := b.w.registers
	r.executed = append(r.executed, b.w.now)
	return r.states[b.commits()], strconv.Itoa(len(r.executed) - 1)
}

// commits is how many commits a backend's server has.
func (b *Backend) commits() int {
	if b.up.node == nil {
		return len(b.w.registers.states) - 1
	}
	return b.up.node.commits()
}

// commits is the newest commit that a server has.
func (n *node) commits() int {
	for _, entry := range slices.Backward(n.log) {
		if number, ours := strings.CutPrefix(entry, "#"); ours {
			n, _ := strconv.Atoi(number)
			return n
		}
	}
	return 0
}

// stored is told what a transaction of registers has committed.
func (b *Backend) stored(written map[string]string) {
	r := b.w.registers
	r.commit(b.commits(), written)
	at := len(r.states) - 1
	b.w.Note("commit %d: %v", at, written)
	if b.up.node == nil {
		return
	}
	for _, tag := range written {
		if c := b.w.client(clientOfTag(tag)); c != nil {
			r.early[at] = b.w.cluster.isEarly(c, b.up.node)
		}
	}
	b.w.cluster.commits(b.up.node, "#"+strconv.Itoa(at), nil)
}

func (p *promises) stored(map[string]string) {}

// altered is told that the catalog has been changed.
func (b *Backend) altered() { b.w.registers.generation++ }

func (p *promises) altered() {}
