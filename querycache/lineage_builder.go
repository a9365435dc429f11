package querycache

import (
	"hash/fnv"
	"strconv"
	"strings"
)

// LineageBuilder takes the rows of the answer to the [Question], in any order. The zero value is ready.
type LineageBuilder struct {
	parts map[byte]map[int32]node // by the letter of their ends, and number
	edges []written
	sum   uint64
	size  int
	// whole is the last row: how many there are of relations, functions, owns and edges.
	whole  []int
	broken bool
}

// written is an edge as the answer has it.
type written struct {
	from, to end
	how      how
}

// end is an end of an edge: r5.
type end struct {
	letter byte
	number int32
}

// Row takes one. NULL is nil; the bytes may change afterwards. What is no row of an answer, or too much, makes Done say that there is none.
func (b *LineageBuilder) Row(columns [][]byte) {
	if len(columns) != QuestionColumns {
		b.broken = true
		return
	}
	for _, c := range columns {
		b.size += len(c)
	}
	if b.broken = b.broken || b.size > maxAnswer; b.broken {
		return
	}
	b.sum += sumOf(columns)
	switch sort := string(columns[0]); sort {
	case "relation", "function", "own":
		b.names(sort, columns)
	case "edges":
		b.addEdges(string(columns[1]), string(columns[2]))
	case "lineage":
		b.last(columns[1:])
	default:
		b.broken = true
	}
}

// sumOf is a hash of a row. Those of all rows are added: their order does not matter.
func sumOf(columns [][]byte) uint64 {
	h := fnv.New64a()
	for _, c := range columns {
		h.Write(c)
		h.Write([]byte{0})
	}
	return h.Sum64()
}

// kinds is the kinds of the sorts of rows.
var kinds = map[string]kind{"relation": relationKind, "function": functionKind, "own": ownKind}

// names takes a row of names.
func (b *LineageBuilder) names(sort string, columns [][]byte) {
	first, err := strconv.ParseInt(string(columns[1]), 10, 31)
	names, told := strings.Split(string(columns[2]), "\n"), strings.Split(string(columns[3]), ",")
	if err != nil || len(names) != len(told) {
		b.broken = true
		return
	}
	for i, name := range names {
		bits, err := strconv.ParseUint(told[i], 10, 8)
		b.broken = b.broken || err != nil
		b.add(end{sort[0], int32(first) + int32(i)}, node{name: name, kind: kinds[sort], flags: flags(bits)})
	}
}

func (b *LineageBuilder) add(at end, n node) {
	if b.parts == nil {
		b.parts = map[byte]map[int32]node{}
	}
	if b.parts[at.letter] == nil {
		b.parts[at.letter] = map[int32]node{}
	}
	b.parts[at.letter][at.number] = n
}

// addEdges takes a row of edges.
func (b *LineageBuilder) addEdges(letters, ends string) {
	var h how
	for i := range letters {
		bit := strings.IndexByte("rwut", letters[i])
		b.broken = b.broken || bit < 0
		h |= 1 << max(bit, 0)
	}
	var from end
	second := false
	for text := range strings.SplitSeq(ends, " ") {
		e, ok := parseEnd(text)
		b.broken = b.broken || !ok
		if second {
			b.edges = append(b.edges, written{from, e, h})
		}
		from, second = e, !second
	}
	b.broken = b.broken || second
}

func parseEnd(text string) (end, bool) {
	if len(text) < 2 {
		return end{}, false
	}
	number, err := strconv.ParseInt(text[1:], 10, 31)
	return end{text[0], int32(number)}, err == nil
}

// last takes the row that says how much there is.
func (b *LineageBuilder) last(columns [][]byte) {
	b.broken = b.broken || b.whole != nil
	for _, c := range columns {
		n, err := strconv.Atoi(string(c))
		b.broken = b.broken || err != nil
		b.whole = append(b.whole, n)
	}
}

// Done is what the rows say; nil if they are not a complete answer, or past the bounds.
func (b *LineageBuilder) Done() *Lineage {
	if b.broken || !b.complete() {
		return nil
	}
	l := &Lineage{sum: b.sum, nodes: make([]node, 1, 1+b.whole[0]+b.whole[1]+b.whole[2])}
	l.relations, l.functions, l.attributes = map[string]int32{}, map[string]int32{}, map[string][]int32{}
	places := map[end]int32{{'x', 0}: 0}
	for _, letter := range []byte("rfo") {
		for number, n := range b.parts[letter] {
			places[end{letter, number}] = int32(len(l.nodes))
			l.enter(n)
		}
	}
	if !l.connect(b.edges, places) {
		return nil
	}
	return l
}

// complete reports whether there is as much as the last row says.
func (b *LineageBuilder) complete() bool {
	return len(b.whole) == 4 && len(b.parts['r']) == b.whole[0] && len(b.parts['f']) == b.whole[1] && len(b.parts['o']) == b.whole[2] &&
		len(b.edges) == b.whole[3]
}

// enter adds a node.
func (l *Lineage) enter(n node) {
	at := int32(len(l.nodes))
	l.nodes = append(l.nodes, n)
	switch n.kind {
	case relationKind:
		l.relations[n.name] = at
	case functionKind:
		l.functions[n.name] = at
		if n.flags&isAttribute != 0 {
			word := firstWord(n.name)
			l.attributes[word] = append(l.attributes[word], at)
		}
	}
}

// connect adds the edges, and reports whether all have ends.
func (l *Lineage) connect(edges []written, places map[end]int32) bool {
	for _, e := range edges {
		from, ok := places[e.from]
		to, ok2 := places[e.to]
		if !ok || !ok2 {
			return false
		}
		l.nodes[from].edges = append(l.nodes[from].edges, edge{to, e.how})
	}
	return true
}
