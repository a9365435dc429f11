package sql

// MaxNulls is how many calls of set_config in one text are looked at for a value that is NULL.
const MaxNulls = 4

// Null is the value of a set_config that is NULL, or a parameter that may be: it gives the parameter of that name what the
// session began with, for the session or for the transaction.
type Null struct {
	// Name is as in Change; empty where $NameParam brings it.
	Name []byte
	// NameParam and ValueParam are the n of $n; 0: there is none.
	NameParam, ValueParam int
	// Start and End are the range of the word NULL in the text, if ValueParam is 0.
	Start, End int
}

// Nulls is the calls of set_config whose value may be NULL, in their order. Valid until the next Scan.
func (s *Statement) Nulls() []Null { return s.nulls[:s.nulled] }

// nullOf notes a call of set_config, whose arguments begin with t, if its value is NULL or a parameter.
func (s *scanner) nullOf(t token) {
	var n Null
	after := s.next(t.end)
	if n.NameParam = s.param(t); n.NameParam == 0 {
		name := s.literal(t)
		if len(name) == 0 {
			return
		}
		n.Name = s.canonical(s.folded(name))
	}
	if after = s.behindCast(after); !s.isByte(after, ',') {
		return
	}
	value := s.next(after.end)
	if n.ValueParam = s.param(value); n.ValueParam == 0 {
		if !s.isWord(value, "null") {
			return
		}
		n.Start, n.End = value.start, value.end
	}
	if s.isByte(s.behindCast(s.next(value.end)), ',') && s.st.nulled < MaxNulls && !s.hasBody {
		s.st.nulls[s.st.nulled] = n
		s.st.nulled++
	}
}

// param is the n of a parameter $n; 0 if t is none.
func (s *scanner) param(t token) (n int) {
	if s.text[min(t.start, len(s.text)-1)] != '$' || t.end-t.start < 2 || t.end-t.start > 6 {
		return 0
	}
	for _, b := range s.text[t.start+1 : t.end] {
		if b < '0' || b > '9' {
			return 0
		}
		n = 10*n + int(b-'0')
	}
	return n
}

// behindCast is the token behind ::type, if t begins that; else t.
func (s *scanner) behindCast(t token) token {
	if !s.isByte(t, ':') {
		return t
	}
	if t = s.next(t.end); !s.isByte(t, ':') {
		return t
	}
	return s.next(s.next(t.end).end)
}
