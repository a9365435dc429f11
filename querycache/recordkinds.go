package querycache

import "strings"

// Kind is which messages a reply consists of.
type Kind uint8

// D* is any number of rows, [1] a ParseComplete that may be there.
const (
	SimpleQuery       Kind = iota // T D* C Z
	Executed                      // [1] 2 D* C Z
	DescribedExecuted             // [1] 2 (T|n) D* C Z
	Described                     // [1] t (T|n) Z
)

// part is what may come next in a reply: a message of one of the types, once, or, if it is optional, once or not at all, or, if there may
// be many, any number of times.
type part struct {
	types          string
	optional, many bool
}

// replies is the parts of each kind, in the types of the protocol.
var replies = [...][]part{
	SimpleQuery:       {{types: "T"}, {types: "D", many: true}, {types: "C"}, {types: "Z"}},
	Executed:          {{types: "1", optional: true}, {types: "2"}, {types: "D", many: true}, {types: "C"}, {types: "Z"}},
	DescribedExecuted: {{types: "1", optional: true}, {types: "2"}, {types: "Tn"}, {types: "D", many: true}, {types: "C"}, {types: "Z"}},
	Described:         {{types: "1", optional: true}, {types: "t"}, {types: "Tn"}, {types: "Z"}},
}

// follow is the part that comes next behind a message of that type; ok is false if the message may not come here.
func (k Kind) follow(at int, typ byte) (next int, ok bool) {
	for parts := replies[k]; at < len(parts); at++ {
		p := &parts[at]
		switch {
		case strings.IndexByte(p.types, typ) < 0:
			if !p.optional && !p.many {
				return 0, false
			}
		case p.many:
			return at, true
		default:
			return at + 1, true
		}
	}
	return 0, false
}
