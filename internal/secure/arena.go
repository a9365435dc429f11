package secure

// arena is memory for the bytes of one turn. They are appended by somebody else, to room, and then taken.
type arena struct{ mem []byte }

const (
	arenaBytes = 32 << 10
	// arenaKept is what is kept for the next turn, at most: about what a driver receives in one.
	arenaKept = 4 << 20
)

// room is an empty slice to append n bytes to.
func (a *arena) room(n int) []byte {
	if cap(a.mem)-len(a.mem) < n {
		a.mem = make([]byte, 0, max(arenaBytes, 2*cap(a.mem), n))
	}
	return a.mem[len(a.mem):]
}

// take keeps what room has become; nobody can append beyond it. If more was appended than was asked for, it may have moved
// elsewhere, and then it takes no room here.
func (a *arena) take(p []byte) []byte {
	if cap(p) <= cap(a.mem)-len(a.mem) {
		a.mem = a.mem[:len(a.mem)+len(p)]
	}
	return p[:len(p):len(p)]
}

// reset takes everything back.
func (a *arena) reset() {
	if cap(a.mem) > arenaKept {
		a.mem = nil
	}
	a.mem = a.mem[:0]
}
