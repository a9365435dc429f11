package engine

import "sync"

// greetings is what clients of a pool are told at login, by the profile they ask for: learned from a server once, on
// whichever shard, and used on all. It is locked, but only logins and fresh servers look at it.
type greetings struct {
	mu     sync.Mutex
	base   []Setting // what a fresh server reports
	blocks map[uint64][]byte
}

// of is what clients of a profile are told; nil if no server has been asked yet. It is never changed.
func (g *greetings) of(profile uint64) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.blocks[profile]
}

func (g *greetings) set(profile uint64, block []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.blocks == nil || len(g.blocks) >= maxGreetings {
		g.blocks = map[uint64][]byte{} // it is learned again where it is needed
	}
	g.blocks[profile] = block
}

// maxGreetings bounds the profiles remembered.
const maxGreetings = 16384

// learn takes from a fresh server what Postgres reports. If that has changed, clients are told the new from now on.
func (g *greetings) learn(params []Setting) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !sameSettings(g.base, params) {
		g.base, g.blocks = params, nil
	}
}
