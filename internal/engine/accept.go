package engine

import (
	"cmp"
	"slices"
)

// Shards accept the clients of sockets that the control plane listens on, all from all, and give them to the Host, which
// logs them in. What a shard does with one of them, accepting.go tells.

// acceptor is a socket from which the shards accept clients.
type acceptor struct {
	name uint64
	fd   int
	// ended: nobody is to accept from it any more; letGo is the shards that do not. Under Engine.mu, as all of this is.
	ended bool
	letGo []bool
	left  int // shards that have not let go
	gone  chan struct{}
}

// Accept has every shard accept clients from fd, a listening, non-blocking stream socket, and give them to Host.Accepted by
// this name, which nobody else has. fd stays the caller's, who keeps it open until the channel of Refrain is closed.
func (e *Engine) Accept(name uint64, fd int) {
	e.mu.Lock()
	if e.acceptors[name] != nil {
		e.mu.Unlock()
		panic("bug: engine: two acceptors have one name")
	}
	e.acceptors[name] = &acceptor{name: name, fd: fd, letGo: make([]bool, len(e.shards)), left: len(e.shards), gone: make(chan struct{})}
	e.mu.Unlock()
	e.tellAcceptors()
}

// Refrain ends what Accept has begun. The channel is closed when no shard accepts from the socket any more, and everybody
// who was accepted has been given to the Host: after a turn of each loop, or when one that has met a bug is back.
func (e *Engine) Refrain(name uint64) <-chan struct{} {
	e.mu.Lock()
	a := e.acceptors[name]
	if a == nil {
		e.mu.Unlock()
		panic("bug: engine: refraining from an acceptor that is none")
	}
	a.ended = true
	e.mu.Unlock()
	e.tellAcceptors()
	return a.gone
}

func (e *Engine) tellAcceptors() {
	for _, s := range e.shards {
		s.post(mail{kind: mailAcceptors})
	}
}

// letGo notes that a shard does not accept from a socket any more, and will not.
func (e *Engine) letGo(name uint64, shard int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.acceptors[name]
	if a == nil || !a.ended || a.letGo[shard] {
		return
	}
	a.letGo[shard] = true
	if a.left--; a.left == 0 {
		delete(e.acceptors, name)
		close(a.gone)
	}
}

// allAcceptors is the sockets that there are, and those that have ended.
func (e *Engine) allAcceptors() (open, ended []acceptor) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.acceptors {
		if a.ended {
			ended = append(ended, *a)
		} else {
			open = append(open, *a)
		}
	}
	slices.SortFunc(open, func(a, b acceptor) int { return cmp.Compare(a.name, b.name) })
	return open, ended
}
