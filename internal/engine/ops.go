package engine

import "github.com/pgmux/caddy-pgmux/internal/loop"

// beginOps forgets the operations of the last turn; of Layers nothing may remain, or what belongs to a connection would
// live as long as nobody overwrites it.
func (s *Shard) beginOps() {
	if s.layered {
		clear(s.ops)
		s.layered = false
	}
	s.ops, s.told = s.ops[:0], false
}

// attachOp gives a socket to the driver, with the layer that stands before it.
func (s *Shard) attachOp(op loop.Op) {
	op.Kind = loop.Attach
	s.layered = s.layered || op.Layer != nil
	s.ops = append(s.ops, op)
}
