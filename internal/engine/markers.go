package engine

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// Markers (session/markers.go) go over a channel of this process's, to which every listener listens before anything else. Its name
// is random, so that what others say on it is none: other poolers of the same database have channels of their own. Whoever sees the
// name, in pg_stat_activity, may do with it what it likes to its own notifications: LISTEN hears nothing there, and a forged marker
// is of use only to who could send the notification itself.
//
// A marker is the number of the server, how often what it has said was doubted, and the client's process ID. The listener keeps, for each
// process of Postgres that has said one, the last. It is forgotten when the server has ended, and all that it has sent is heard:
// the process ID may be given to a stranger.

// newMarkerChannel is the name of the channel: 128 bits that nobody can guess.
func newMarkerChannel(host Host) string {
	return fmt.Sprintf("pgmux_%016x%016x", host.Random(), host.Random())
}

// hearers is the listeners that hear the markers of a database, of all pools.
type hearers struct {
	// since changes with every one that begins; 0: there is none.
	since session.Markers
	count int // under Engine.mu, as pools
	pools int // with a database of that name
}

// hearersOf is those of a pool that is made. Under Engine.mu.
func (e *Engine) hearersOf(database string) *hearers {
	h := e.hearers[database]
	if h == nil {
		h = &hearers{}
		e.hearers[database] = h
	}
	h.pools++
	return h
}

// leaveHearers forgets those of a pool that is forgotten, if that was the last of its database. Under Engine.mu.
func (e *Engine) leaveHearers(p *sharedPool) {
	if p.hearers.pools--; p.hearers.pools == 0 {
		delete(e.hearers, p.serverDatabase)
	}
}

// hearsMarkers notes that one more hears, or one less. A new one has heard nothing of what was said before.
func (e *Engine) hearsMarkers(h *hearers, by int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h.count += by
	switch {
	case h.count == 0:
		h.since.Store(0)
	case by > 0:
		e.heard++
		h.since.Store(e.heard)
	}
}

// begins notes that the listener listens to the channel of markers: only now is it told what else to listen to.
func (l *listener) begins(e *Engine, p *sharedPool) {
	if !l.hearsMarkers {
		l.hearsMarkers = true
		e.hearsMarkers(p.hearers, 1)
	}
}

// ends notes that it hears nothing any more.
func (l *listener) ends(e *Engine, p *sharedPool) {
	if l.hearsMarkers {
		e.hearsMarkers(p.hearers, -1)
	}
	l.hearsMarkers, l.named, l.ending = false, nil, nil
}

// naming is whom a process has named last.
type naming struct {
	who    uint32
	doubts uint32
	sender *sender
}

// PID is session.Listeners: the process ID that a client knows as its own.
func (s *Shard) PID(machine *session.Client) uint32 { return s.pid(s.client(machine.Slot)) }

// Marker is session.Listeners: what a server says of the client of that process ID.
func (s *Shard) Marker(machine *session.Server, who uint32) string {
	t := s.serverAt(machine.Conn).sender
	return fmt.Sprintf(`NOTIFY "%s", '%d %d %d'`, s.engine.markerChannel, t.number, t.doubts.Load(), who)
}

// Doubt is session.Listeners: what a server has said is not true any more.
func (s *Shard) Doubt(machine *session.Server) { s.serverAt(machine.Conn).sender.doubts.Add(1) }

// markersOf is who hears the markers of a server; nil: it can say none, because it is in recovery, where NOTIFY is refused.
func (srv *server) markersOf() *session.Markers {
	for _, q := range srv.params {
		if q.Name == "in_hot_standby" && q.Value == "on" {
			return nil
		}
	}
	return &srv.pool.shared.hearers.since
}

// takesMarker takes a marker that a process has sent.
func (l *listener) takesMarker(t *senders, pid uint32, m []byte) {
	fields := strings.Fields(string(pgwire.NotificationPayload(m)))
	if len(fields) != 3 {
		return
	}
	var numbers [3]uint64
	for i, f := range fields {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return
		}
		numbers[i] = n
	}
	from := t.numbered(numbers[0])
	if from == nil { // it has ended long ago
		delete(l.named, pid)
		return
	}
	if from.ended.Load() {
		l.ended = 0 // it is yet to be noted
	}
	if l.named == nil {
		l.named = map[uint32]naming{}
	}
	l.named[pid] = naming{who: uint32(numbers[2]), doubts: uint32(numbers[1]), sender: from}
}

// sentBy is the process ID by which clients know who has sent what comes from a process now.
func (l *listener) sentBy(t *senders, pid uint32) uint32 {
	if n, ok := l.named[pid]; ok && n.who != 0 && n.doubts == n.sender.doubts.Load() {
		return n.who
	}
	if only := t.only(l.server.upstream.address, pid); only != 0 {
		return only
	}
	return pid
}

// noteEnded notes, before the listener is asked, which of those that have named somebody have ended: what they have sent is heard
// when it has answered.
func (l *listener) noteEnded(ended uint64) {
	if l.ended == ended {
		return
	}
	l.ended = ended
	for pid, n := range l.named {
		if n.sender.ended.Load() {
			l.ending = append(l.ending, pid)
		}
	}
}

// forgetEnded forgets them.
func (l *listener) forgetEnded() {
	for _, pid := range l.ending {
		if n, ok := l.named[pid]; ok && n.sender.ended.Load() {
			delete(l.named, pid)
		}
	}
	l.ending = l.ending[:0]
}
