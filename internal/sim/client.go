package sim

import (
	"bytes"
	"fmt"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// Client is an application. It runs a random program, and compares every message it is sent with what a Postgres of
// its own would have answered (rule 1, rule 4, rule 6).
type Client struct {
	w        *World
	id       int
	key      key
	startup  []engine.Setting
	priority engine.Priority
	engine   *engine.Engine
	end      *end
	program  *program
	declared *declared
	// replication: it asks for a server of its own.
	replication string

	session  *Session
	promises *promises
	hearing  hearing
	pending  []message // sent, not yet fed to the session
	knew     []asked   // what was known when each of them was sent
	sent     asked     // of the message fed last
	own      []int     // its commits of registers
	expect   reader    // what the session has answered, not yet received
	in       reader
	out      []byte
	held     []message // of the present batch, for after its pause

	pid         uint32
	secret      []byte
	admitted    bool
	welcomed    bool
	outstanding int // ReadyForQuery to come
	thinking    bool
	counted     bool // among those who have come to the meeting
	depth       int  // batches under way at most
	slow        bool

	asks        asks
	mayBeLost   bool // a server died that did its work
	terminated  bool // its last words are written
	half        bool // it has ended its half of the connection, and listens
	gone        bool
	why         string
	waitingFrom int64 // when the first unanswered batch was sent and nobody served it; 0: it is served
	overtaken   int
	progress    int64 // when it last heard something
	queries     int
}

// number is for people; nil is nobody.
func (c *Client) number() int {
	if c == nil {
		return -1
	}
	return c.id
}

// connect logs the client in.
func (c *Client) connect() {
	if r := c.engine.Admit(c.key.pool, c.address()); r != nil {
		if !c.mayBeTold(r.SQLState) {
			c.w.Violate("c%d is refused without a reason: %v", c.id, r)
		}
		c.leave("refused: " + r.Error())
		return
	}
	ours, theirs := c.w.connect(1000)
	c.end = ours
	c.admitted = true
	c.w.census++
	ours.changed = c.wake
	c.session = NewSession(begin(c.key.user, c.startup))
	c.promises = newPromises()
	c.promises.commits = c.hasCommitted
	c.hearing.c = c
	c.session.Struck, c.session.Witness = c.w.wasStruck, c.promises
	c.session.Refused, c.session.Defers = c.w.wasRefused, c.declared.defers
	c.progress = c.w.now
	in := engine.Client{FD: theirs.descriptor(), Priority: c.priority, Pool: c.key.pool, Database: c.key.database, User: c.key.user,
		Startup: c.startup, Address: c.address(), LongKey: c.w.Chance(0.5), Replication: c.replication}
	if c.w.Chance(0.3) { // it does not wait for its welcome
		c.send()
		n := c.w.random.IntN(len(c.out) + 1)
		in.Unread, c.out = bytes.Clone(c.out[:n]), c.out[n:]
	}
	c.w.Note("c%d logs in to %s as %s, descriptor %d, %v", c.id, c.key.pool, c.key.user, in.FD, c.startup)
	if r := c.engine.Attach(in); r != nil {
		c.engine.Leave(c.key.pool, c.address())
		theirs.close()
		c.leave("refused: " + r.Error())
	}
}

// begin is the settings that a session begins with.
func begin(user string, startup []engine.Setting) map[string]string {
	settings := Defaults()
	settings["session_authorization"] = user
	for _, s := range startup {
		settings[s.Name], _ = canonical(s.Name, s.Value)
	}
	return settings
}

// address is where the client comes from: some come from the same place, some have none.
func (c *Client) address() string {
	if c.id%7 == 0 {
		return "@"
	}
	return fmt.Sprintf("192.0.2.%d:%d", c.id%3, c.id)
}

// wake is called when there may be something to read, or room to write.
func (c *Client) wake() {
	if c.gone {
		return
	}
	c.flush()
	if c.slow {
		c.w.After(int64(c.w.random.IntN(int(2*Millisecond))), c.read)
		return
	}
	c.read()
}

func (c *Client) flush() {
	for len(c.out) > 0 {
		piece := c.out
		if c.w.Chance(0.3) {
			piece = piece[:1+c.w.random.IntN(len(piece))]
		}
		n, errno := c.end.write(piece)
		c.out = c.out[n:]
		if errno != 0 || n < len(piece) {
			return
		}
		if n < len(c.out) && c.w.Chance(0.5) {
			c.w.After(c.w.latency(), c.wake)
			return
		}
	}
}

// read takes what has come.
func (c *Client) read() {
	if c.gone {
		return
	}
	buf := make([]byte, 4096)
	for {
		n, errno := c.end.read(buf)
		if n > 0 {
			c.progress = c.w.now
			c.in.add(buf[:n])
			c.messages()
			if c.gone {
				return
			}
			if c.slow {
				c.w.After(int64(c.w.random.IntN(int(Millisecond))), c.read)
				return
			}
			continue
		}
		if c.end.broken != 0 || errno == 0 {
			c.ended()
			return
		}
		break
	}
	c.proceed()
}

// ended is the connection's end from the other side.
func (c *Client) ended() {
	// One that is sent away in the middle of a message cannot be told.
	if c.terminated && (!c.half || c.outstanding == 0) || c.mayBeLost || (c.mayBeSentAway() || c.declared.timesOut) && len(c.in.buf) > 0 {
		c.leave("closed")
		return
	}
	c.w.Violate("rule 6: the connection of c%d is closed without a reason; it waits for %d ReadyForQuery", c.id, c.outstanding)
	c.leave("closed without a reason")
}

// proceed goes on with the program.
func (c *Client) proceed() {
	if c.gone || c.thinking || c.terminated || !c.welcomed {
		return
	}
	if len(c.held) > 0 {
		if c.w.Chance(c.w.weather.Vanish / 4) {
			c.vanish()
			return
		}
		if len(c.out) == 0 && c.caughtUp() {
			c.push(c.held)
			c.held = nil
			c.flush()
		}
		return
	}
	if c.outstanding >= c.depth || len(c.out) > 50_000 {
		return
	}
	if c.program.meeting.holds(c) {
		c.w.After(Millisecond, c.proceed)
		return
	}
	if c.w.Chance(c.w.weather.Vanish) {
		c.vanish()
		return
	}
	c.thinking = true
	c.w.After(int64(c.w.Between(0, int(2*Millisecond))), func() {
		c.thinking = false
		if c.gone || c.terminated {
			return
		}
		c.send()
		c.flush()
		c.proceed()
	})
}

// caughtUp reports whether everything sent so far has been answered: after a Flush. It asks a copy of the private
// session, as the answer may yet be another: an error of the pooler's, or a cancel's.
func (c *Client) caughtUp() bool {
	if len(c.expect.buf) > 0 {
		return false
	}
	ahead := c.session.clone()
	for _, m := range c.pending {
		if ahead.cancellable(m) != "" {
			return false
		}
		if ahead.Feed(m); len(ahead.out) > 0 {
			return false
		}
	}
	return true
}

// send writes the next batch, or Terminate.
func (c *Client) send() {
	b := c.program.next()
	if b == nil {
		if c.outstanding == 0 && !c.program.hasty && c.hearing.lingers() {
			c.w.After(Millisecond, c.proceed)
			return
		}
		if (c.outstanding == 0 || c.program.hasty) && len(c.held) == 0 {
			c.terminated = true
			if c.outstanding > 0 && c.w.Chance(0.5) {
				c.half = true
				c.endHalf()
				return
			}
			c.w.Note("c%d says Terminate", c.id)
			c.out = build(c.out, 'X')
			c.w.After(c.w.latency(), c.hangUp)
		}
		return
	}
	c.hearing.says(b.frames)
	c.outstanding += b.readys
	c.queries++
	if c.waitingFrom == 0 && c.outstanding == b.readys {
		c.waitingFrom, c.overtaken = c.w.now, 0
	}
	if b.pause >= 0 {
		c.push(b.frames[:b.pause])
		c.held = b.frames[b.pause:]
	} else {
		c.push(b.frames)
	}
	if c.w.Chance(c.w.weather.Cancels) {
		c.w.After(int64(c.w.Between(0, int(8*Millisecond))), c.cancel)
	}
}

func (c *Client) push(frames []message) {
	for _, m := range frames {
		c.w.Note("c%d sends %v", c.id, m)
		c.pending, c.knew = append(c.pending, m), append(c.knew, c.knows())
		c.out = build(c.out, m.typ, m.body)
	}
}

// endHalf ends its half of the connection when all is sent.
func (c *Client) endHalf() {
	if c.gone {
		return
	}
	if len(c.out) > 0 {
		c.flush()
		c.w.After(int64(Millisecond), c.endHalf)
		return
	}
	c.w.Note("c%d ends its half", c.id)
	c.end.shutdown()
}

// hangUp closes after Terminate.
func (c *Client) hangUp() {
	if c.gone {
		return
	}
	if len(c.out) > 0 {
		c.flush()
		c.w.After(int64(Millisecond), c.hangUp)
		return
	}
	c.leave("done")
}

// vanish leaves without a word.
func (c *Client) vanish() {
	c.w.Note("c%d vanishes", c.id)
	if c.w.Chance(0.5) {
		c.end.abort()
	}
	c.leave("vanished")
}

func (c *Client) leave(why string) {
	c.w.Note("c%d has left: %s", c.id, why)
	c.gone, c.why, c.waitingFrom = true, why, 0
	c.hearing.sure = nil
	if c.end != nil {
		c.end.close()
	}
}

// isServed notes that a server works for it; one that it did not have before has gone past those who wait.
func (c *Client) isServed(fresh bool) {
	if c.waitingFrom != 0 && fresh {
		c.w.overtakes(c)
	}
	c.waitingFrom = 0
}
