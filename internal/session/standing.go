package session

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// A statement that the server knows by the client's own name (native.go, and max_prepared_statements 0) is not among the
// client's names. What is to follow when it runs, settings to be asked for and to be restored, is found in its text, which is
// kept with the server.

// stands is such a statement.
type stands struct{ name, text []byte }

// maxStanding bounds them, and maxStandingBytes their texts together. With more, the server stays with its client.
const (
	maxStanding      = 64
	maxStandingBytes = 64 << 10
)

// standing notes that a text of these effects is prepared under the client's own name.
func (f *feed) standing(name, text []byte, effects sql.Effects) {
	s := f.s
	s.standNot(name)
	if effects&(touching|configuring) == 0 {
		return
	}
	size := len(text)
	for i := range s.stood {
		size += len(s.stood[i].text)
	}
	if len(s.stood) == maxStanding || size > maxStandingBytes {
		f.stay(PinUnknown)
		return
	}
	s.stood = append(s.stood, stands{bytes.Clone(name), bytes.Clone(text)})
}

// standNot forgets what stood for a name.
func (s *Server) standNot(name []byte) {
	for i := range s.stood {
		if bytes.Equal(s.stood[i].name, name) {
			s.stood = append(s.stood[:i], s.stood[i+1:]...)
			return
		}
	}
}

// standNoMore forgets what a text takes away.
func (s *Server) standNoMore(st *sql.Statement) {
	if len(s.stood) == 0 || !st.Effects.Has(sql.Deallocates) {
		return
	}
	for _, n := range st.Names() {
		if n.Effect == sql.Deallocates {
			s.standNot(n.Value)
		}
	}
}

// boundStanding notes that a statement is executed that the server knows by the client's own name. It returns its text, nil if
// nothing is to follow.
func (f *feed) boundStanding(name, portal []byte, known bool) []byte {
	if known {
		return nil
	}
	for i := range f.s.stood {
		if k := &f.s.stood[i]; bytes.Equal(k.name, name) {
			st := f.look(k.text, false)
			f.touch(st, k.text)
			f.restoreBehind(st, portal)
			return k.text
		}
	}
	return nil
}
