package sim

import (
	"bytes"
	"fmt"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// key is whose pool a server belongs to.
type key struct{ pool, database, user string }

// Backend is one server process: a Session behind a socket, which takes its time, can be cancelled, and can die.
type Backend struct {
	w       *World
	up      *Upstream
	key     key
	pid     uint32
	secret  []byte
	end     *end // its own
	engine  *end // the pooler's
	session *Session
	tap     tap

	in      reader
	out     []byte
	running *message // what it does now
	own     bool     // it is a client's own: everything goes straight through
	tag     string   // of the running statement, if a cancel can stop it
	attempt uint64   // tells a completion that was overtaken by a cancel
	dying   bool
	// hears: it listens for clients; heardLast: and nobody hears of that any more.
	hears, heardLast bool
	told             int // since it is known to listen
}

// Upstream is one Postgres server.
type Upstream struct {
	address  string
	backends map[uint32]*Backend
	down     bool
	node     *node // of a cluster; nil: it is a server of its own
}

// outFull is from where on a backend waits for its client to read.
const outFull = 64 << 10

func (w *World) newBackend(up *Upstream, k key, startup []engine.Setting) *Backend {
	w.lastPID++
	w.census++
	ours, theirs := w.connect(2000)
	settings := begin(k.user, startup)
	if up.isReplica() {
		settings["in_hot_standby"] = "on"
	}
	b := &Backend{w: w, up: up, key: k, pid: w.lastPID, end: theirs, engine: ours, session: NewSession(settings)}
	b.session.Standby = up.isReplica
	b.secret = []byte(fmt.Sprintf("key%d", b.pid))
	b.tap = tap{w: w, b: b, status: 'I'}
	b.session.Closed = func() bool { return w.Chance(0.1) && !(w.caching && w.Chance(0.9)) }
	b.session.Struck, b.session.Witness = w.wasStruck, b
	b.session.Registers, b.session.Generation = b.registers, func() string {
		if w.Chance(0.05) {
			w.registers.generation++
		}
		return fmt.Sprint(w.registers.generation)
	}
	b.session.Asked = func(tag, drawn string) {
		if drawn != "" && clientOfTag(drawn) != clientOfTag(tag) {
			w.Violate("rule 4: c%d asks for its number on backend %d and is told that of %s", clientOfTag(tag), b.pid, drawn)
		}
	}
	ours.descriptor()
	ours.served = b
	theirs.changed = b.wake
	up.backends[b.pid] = b
	w.backends = append(w.backends, b)
	return b
}

// isReplica reports whether it replays what another server writes.
func (up *Upstream) isReplica() bool { return up.node != nil && !up.node.primary }

// params is what it reports at its start.
func (b *Backend) params() []engine.Setting {
	var out []engine.Setting
	for _, name := range reportedOrder {
		out = append(out, engine.Setting{Name: reportedNames[name], Value: b.session.setting(name)})
	}
	return out
}

// wake is called when there may be something to read, or room to write.
func (b *Backend) wake() {
	b.flush()
	if b.end.closed {
		return
	}
	buf := make([]byte, 8192)
	for {
		n, errno := b.end.read(buf)
		b.in.add(buf[:n])
		if n == 0 {
			if b.end.broken != 0 || errno == 0 && b.running == nil && len(b.in.buf) == 0 {
				b.quit()
				return
			}
			break
		}
	}
	b.next()
}

func (b *Backend) flush() {
	for len(b.out) > 0 && !b.end.closed {
		n, errno := b.end.write(b.out)
		b.out = b.out[n:]
		if n == 0 || errno != 0 {
			break
		}
	}
	if b.dying && (len(b.out) == 0 || b.end.broken != 0) {
		b.quit()
	}
}

// next takes up the next message, if it is there and nothing is in the way.
func (b *Backend) next() {
	if b.running != nil || b.dying || len(b.out) > outFull || b.end.closed {
		return
	}
	m, ok, err := b.in.next()
	if err != nil {
		b.w.Violate("backend %d reads nonsense: %v", b.pid, err)
		return
	}
	if !ok {
		if b.end.in.ended {
			b.quit()
		}
		return
	}
	b.running = &m
	if b.hears {
		b.told++
	}
	if b.told == 1 {
		b.w.listenersSince = b.w.now // it hears who notifies, as the pooler knows
	}
	b.hears = b.hears || m.typ == 'Q' && bytes.Contains(m.body, []byte("'idle_session_timeout'"))
	b.tag = b.session.cancellable(m)
	b.attempt++
	attempt := b.attempt
	takes := int64(b.w.random.IntN(int(20*Microsecond))) + int64(b.session.sleep(m))
	if (b.tag != "" || b.w.caching) && b.w.Chance(0.1) {
		takes += int64(b.w.random.IntN(int(5 * Millisecond)))
	}
	if b.studies(&m) {
		takes += int64(b.w.Between(0, int(b.studyTakes())))
	}
	b.w.After(takes, func() { b.complete(attempt) })
}

// studyTakes bounds how long the catalog takes to answer. Until it has, nothing is known to read.
func (b *Backend) studyTakes() int64 {
	switch {
	case b.w.caching: // asked again after a hundred times that, at the soonest
		return 50 * Microsecond
	case b.up.node != nil:
		return Millisecond
	}
	return 20 * Millisecond
}

// complete answers the message that runs.
func (b *Backend) complete(attempt uint64) {
	if attempt != b.attempt || b.running == nil || b.end.closed || b.dying {
		return
	}
	m := *b.running
	b.running, b.tag = nil, ""
	if !b.session.Feed(m) {
		b.quit()
		return
	}
	b.session.tellUnread()
	b.out = append(b.out, b.session.Take()...)
	b.flush()
	if !b.end.closed {
		b.next()
	}
}

// die ends the process in one of the ways in which they do.
func (b *Backend) die() {
	if b.end.closed || b.dying {
		return
	}
	b.excuse()
	switch b.w.random.IntN(3) {
	case 0:
		b.w.Note("backend %d closes its connection", b.pid)
		b.quit()
	case 1:
		b.w.Note("backend %d resets its connection", b.pid)
		b.end.abort()
		b.gone()
	default:
		b.w.Note("backend %d says FATAL", b.pid)
		b.out = build(b.out, 'E', []byte("SFATAL\x00VFATAL\x00C57P01\x00Mterminating connection due to administrator command\x00Rsim\x00\x00"))
		b.dying = true
		b.flush()
	}
}

func (b *Backend) quit() {
	b.end.close()
	b.gone()
}

func (b *Backend) gone() {
	b.excuse()
	b.running, b.dying = nil, true
	delete(b.up.backends, b.pid)
}

// excuse notes whose work the process's end may cut short. Between units it may still be that of a client for which
// the server is pinned.
func (b *Backend) excuse() {
	b.hearsNoMore()
	if c := b.tap.last; c != nil {
		c.mayBeLost = true
	}
	if b.tap.owner == nil { // work without a tag, such as a Parse of a text that all share
		for _, c := range b.w.clients {
			c.mayBeLost = c.mayBeLost || c.key == b.key
		}
	}
}

// alive reports whether the connection is one that a limit counts: open at both ends.
func (b *Backend) alive() bool { return !b.engine.closed && !b.end.closed }

// cancellable is the tag of the statement a message runs, if a cancel can stop it.
func (s *Session) cancellable(m message) string {
	if s.skip || s.copying != nil {
		return ""
	}
	switch m.typ {
	case 'Q':
		return tagOf(m.body)
	case 'E':
		f := fields{m.body}
		if p := s.portals[f.text()]; p != nil && !p.run && p.statement.verb != prepares { // which may be said for its client by the pooler
			return tagFor(p.statement, p.args)
		}
	}
	return ""
}

// sleep is how long a message sleeps.
func (s *Session) sleep(m message) (total int64) {
	if s.skip || s.copying != nil || s.tx == 'E' {
		return 0
	}
	f := fields{m.body}
	switch m.typ {
	case 'Q':
		for _, st := range parseSQL(f.text()) {
			total += int64(st.takes)
		}
	case 'E':
		if p := s.portals[f.text()]; p != nil {
			total = int64(p.statement.takes)
		}
	}
	return total
}
