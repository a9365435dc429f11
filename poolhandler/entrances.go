package poolhandler

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgmux/caddy-pgmux/config"
)

// entrances is the sockets of the app's own that clients connect to. They belong to the process: one is opened for the first
// plan that has its address, kept through every plan that has it, and closed when no plan has it any more. Where one leads
// to is looked up when a client comes. So a reload touches no socket that stays, and nobody who is in its queue.
//
// Before one is closed for good, everybody in its queue is accepted and told: the kernel would reset them.
type entrances struct {
	open  map[string]*entrance // by address; under process.mu
	named sync.Map             // the same, by the name that the engine knows: uint64 → *entrance
	last  uint64
	// answering is how many clients have been accepted and neither refused nor handed over yet.
	answering atomic.Int64
}

// entrance is one socket.
type entrance struct {
	address config.ListenAddress
	name    uint64
	fd      int
	file    os.FileInfo // of a path; nil: there is none
	failing atomic.Bool // accepting has failed, and nobody has been accepted since
}

// openFor opens what a plan has and is not open: everything, or nothing and an error.
func (l *entrances) openFor(next *plan) (opened []*entrance, err error) {
	for _, wanted := range next.listen {
		if is := l.open[wanted.String()]; is != nil {
			err = is.setMode(wanted.Mode)
		} else {
			var one *entrance
			if one, err = openEntrance(wanted.ListenAddress); err == nil {
				opened = append(opened, one)
			}
		}
		if err != nil {
			abandonEntrances(opened)
			return nil, fmt.Errorf("pools.%s.listen: %w", wanted.pool, err)
		}
	}
	return opened, nil
}

// abandonEntrances closes sockets that nobody has accepted from.
func abandonEntrances(opened []*entrance) {
	for _, l := range opened {
		l.unlink()
		closeFD(l.fd)
	}
}

// add has clients accepted from sockets that were opened.
func (l *entrances) add(r *running, opened []*entrance) {
	if l.open == nil {
		l.open = make(map[string]*entrance)
	}
	for _, one := range opened {
		l.last++
		one.name = l.last
		l.open[one.address.String()] = one
		l.named.Store(one.name, one)
		r.Accept(one.name, one.fd)
	}
}

// have tells whether a descriptor is a socket of the app's own.
func (l *entrances) have(fd int) (ours bool) {
	l.named.Range(func(_, found any) bool {
		one := found.(*entrance)
		ours = one.fd == fd || one.address.Network == "fd" && one.address.Host == strconv.Itoa(fd)
		return !ours
	})
	return ours
}

// unused is those that none of the plans has, in the order in which they were opened.
func (l *entrances) unused(plans []*plan) (unused []*entrance) {
	for address, one := range l.open {
		if !slices.ContainsFunc(plans, func(p *plan) bool { return p.leads[address] != nil }) {
			unused = append(unused, one)
		}
	}
	slices.SortFunc(unused, func(a, b *entrance) int { return cmp.Compare(a.name, b.name) })
	return unused
}

// awaitAnswers gives the last clients time to hear what they are told.
func (l *entrances) awaitAnswers() {
	for end := time.Now().Add(answerPatience()); l.answering.Load() > 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
}
