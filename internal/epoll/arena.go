package epoll

// arena is the memory a turn receives into: handed out from the front, all of it taken back when the next turn
// begins. With little traffic the same few cache lines serve every turn.
type arena struct {
	mem  []byte
	used int
}

// minReceive is the room below which a receive is left for the next turn: it would cut most messages in two.
const minReceive = 4 << 10

func newArena(size int) arena { return arena{mem: make([]byte, size)} }

func (a *arena) reset() { a.used = 0 }

func (a *arena) full() bool { return len(a.mem)-a.used < minReceive }

// room is where the next receive goes.
func (a *arena) room() []byte { return a.mem[a.used:min(a.used+MaxReceive, len(a.mem))] }

// take hands out the first n bytes of room. Nobody can append beyond them.
func (a *arena) take(n int) []byte {
	p := a.mem[a.used : a.used+n : a.used+n]
	a.used += n
	return p
}
