package sim

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// hearing is what a client has to be told of notifications, and what it may be told (docs/design.md, "LISTEN"):
//
//  1. whatever commits while it knows that it listens, and has said nothing that may end that, it is told, once, in the
//     order of the commits;
//  2. it is told between transactions, and what was sent before its query before the ReadyForQuery of that query;
//  3. what it does not listen to it is not told;
//  4. when the listener is lost it may miss some, until it is warned; and it is warned.
type hearing struct {
	c *Client
	// may is the channels of which it may be told; sure those of which it must be.
	may, sure map[string]bool
	// owed is the notifications that it must be told, by their number in World.posted, in order; next is behind the last it has
	// been told of channels that it was sure of. knowsOf is all it has been told.
	owed    []int
	next    int
	knowsOf map[int]bool
	// deaf: the listener was lost, and it has not been warned. lost: it has been, at any time.
	deaf, lost bool
	// vague: that was while it was about to be told that it listens; nobody knows which of the two was first. again: the next one
	// was lost before it was warned of this, so that the warning it gets may be about either.
	vague, again bool
	// sent is how many notifications there were when it has last said anything; exempt: that was not all a server's to answer.
	sent   int
	exempt bool
	// asked is when it has said what is not answered yet.
	asked int64
	// waits is since when it waits for what it must be told before it leaves.
	waits int64
}

// posted takes the news of a notification.
func (h *hearing) posted(at int, channel string) {
	if h.c != nil && h.sure[channel] && !h.deaf && !h.vague {
		h.owed = append(h.owed, at)
	}
}

// says notes what the client is going to say: what it listens to is not sure any more if that may end it.
func (h *hearing) says(frames []message) {
	h.sent, h.exempt = len(h.c.w.posted), true
	if h.c.outstanding == 0 {
		h.asked = h.c.w.now
	}
	for _, m := range frames {
		f := fields{m.body}
		switch m.typ {
		case 'B':
			f.text()
			h.exempt = false
			if _, known := listenNames[f.text()]; known {
				h.doubt()
			}
			continue
		case 'P':
			f.text()
		case 'Q':
			h.exempt = false
		default:
			continue
		}
		for _, st := range parseSQL(f.text()) {
			switch st.verb {
			case listens:
				h.maybe(st.channel)
			case unlistens, discardsAll:
				h.sure, h.owed = nil, nil
			}
		}
	}
}

// doubt: it may listen to whatever there is, or not.
func (h *hearing) doubt() {
	h.sure, h.owed = nil, nil
	for _, channel := range channelNames {
		h.maybe(identifier(channel))
	}
}

func (h *hearing) maybe(channel string) {
	if h.may == nil {
		h.may = map[string]bool{}
	}
	h.may[channel] = true
}

// knows takes the ReadyForQuery that answers the last that it has said.
func (h *hearing) knows() {
	s := h.c.session
	if !s.betweenTransactions() || s.skip {
		return
	}
	if len(h.owed) > 0 && !h.exempt && (h.owed[0] < h.sent || h.c.w.client(clientOfTag(h.c.w.posted[h.owed[0]].by)) == h.c) {
		h.c.w.Violate("notifications: c%d is ready, and has not been told of number %d, which was sent before what it has asked, or by that", h.c.id, h.owed[0])
	}
	h.may, h.sure = maps.Clone(s.listening), maps.Clone(s.listening)
	if len(h.sure) == 0 {
		h.deaf, h.vague, h.again, h.owed = false, false, false, nil
	}
}

// told takes a NotificationResponse.
func (h *hearing) told(m message) {
	c := h.c
	f := fields{m.body}
	pid := binary.BigEndian.Uint32(f.bytes(4))
	channel, payload := f.text(), f.text()
	at := -1
	for i := range c.w.posted {
		if p := &c.w.posted[i]; p.channel == channel && p.payload == payload && !h.knowsOf[i] {
			at = i
			break
		}
	}
	switch {
	case at < 0:
		c.w.Violate("notifications: c%d is told %v, which was not sent, or was told before", c.id, m)
		return
	case h.sure[channel] && at < h.next:
		c.w.Violate("notifications: c%d is told %v, number %d, after later ones", c.id, m, at)
	case !h.may[channel]:
		c.w.Violate("notifications: c%d is told %v, and does not listen to that", c.id, m)
	case h.sure[channel] && len(h.owed) > 0 && h.owed[0] < at:
		c.w.Violate("notifications: c%d is told %v, number %d, and has not been told of number %d", c.id, m, at, h.owed[0])
	case !c.mayBeNotified() && !c.declared.sticky: // whose own server may have said so before it got what we have answered
		c.w.Violate("notifications: c%d is told %v in a transaction, or in an answer", c.id, m)
	}
	if h.knowsOf == nil {
		h.knowsOf = map[int]bool{}
	}
	h.knowsOf[at] = true
	if h.sure[channel] {
		h.next = at + 1
	}
	if len(h.owed) > 0 && h.owed[0] == at {
		h.owed = h.owed[1:]
	}
	h.checkSender(m, &c.w.posted[at], pid)
}

// learned is how long it may take until all shards know that somebody listens.
const learned = 5 * Millisecond

// checkSender: the sender is the client as it knows itself. Where it has said so before somebody listened, it may be the server; and
// who hears by its own server knows less.
func (h *hearing) checkSender(m message, p *posted, pid uint32) {
	c := h.c
	by := c.w.client(clientOfTag(p.by))
	switch {
	case by == nil || by.pid == 0 || pid == by.pid: // 0: what it was told at login has not reached it yet
	case c.declared.sticky && pid != c.pid:
	case pid == p.pid && (p.asked <= c.w.listenersSince+learned || by.declared.hides): // what may notify unseen makes all doubtful
	default:
		c.w.Violate("notifications: c%d is told %v of c%d, and as if process %d had sent that", c.id, m, by.id, pid)
	}
}

// warned takes the warning that some may have been missed.
func (h *hearing) warned(m message) {
	if !h.lost {
		h.c.w.Violate("notifications: c%d is told %v, and nothing was lost", h.c.id, m)
	}
	if !h.c.mayBeNotified() {
		h.c.w.Violate("notifications: c%d is told %v in a transaction, or in an answer", h.c.id, m)
	}
	h.deaf, h.vague, h.again = false, h.again, false
}

// loses: the server that listens for it is lost.
func (h *hearing) loses() {
	h.lost = true
	h.owed = nil
	h.again = h.deaf
	h.deaf = h.deaf || len(h.sure) > 0
	h.vague = h.vague || !h.deaf && len(h.may) > 0
}

// hearsNoMore: a server that listens for clients has come to its end.
func (b *Backend) hearsNoMore() {
	if !b.hears || b.heardLast {
		return
	}
	b.heardLast = true
	b.w.Note("backend %d, which listens for clients, is lost", b.pid)
	for _, c := range b.w.clients {
		if c.key == b.key && !c.hearsAlone() {
			c.hearing.loses()
		}
	}
}

// hearsAlone reports whether its own server listens for a client: its pool was in session mode when it began to listen.
func (c *Client) hearsAlone() bool {
	return c.declared.sticky && slices.ContainsFunc(c.w.backends, func(b *Backend) bool {
		return !b.hears && !b.end.closed && b.tap.last == c && b.tap.clean() && len(b.session.listening) > 0
	})
}

// nobodyListens asks the engine, as often as it takes, whether it keeps no channel for anybody.
func (r *Run) nobodyListens() func() bool {
	var figures <-chan func() engine.Snapshot
	return func() bool {
		if figures == nil {
			figures = r.Engine.Snapshot()
		}
		select {
		case sum := <-figures:
			figures = nil
			return !slices.ContainsFunc(sum().Pools, func(p engine.PoolStats) bool { return p.ClientsListening+p.Channels > 0 })
		default:
			return false
		}
	}
}

// mayBeNotified reports whether the client is between two transactions: nothing of an answer is to come but the ReadyForQuery
// that ends it.
func (c *Client) mayBeNotified() bool {
	for ahead := (reader{c.expect.buf}); len(ahead.buf) > 0; {
		switch m, _, _ := ahead.next(); {
		case m.typ == 'Z':
			return m.body[0] == 'I'
		case m.typ != 'S':
			return false
		}
	}
	if c.session.betweenTransactions() {
		return true
	}
	ahead := c.session.clone()
	for _, m := range c.pending {
		switch m.typ {
		case 'H', 'd', 'c', 'f', 'S':
			ahead.Feed(m)
			if len(ahead.out) > 0 {
				return ahead.betweenTransactions()
			}
			continue
		}
		if !ahead.skip {
			return false
		}
	}
	return false
}

// lingers reports whether a client that would leave has yet to be told something.
func (h *hearing) lingers() bool {
	if len(h.owed) == 0 && !h.deaf || !h.c.session.betweenTransactions() {
		return false
	}
	if h.waits == 0 {
		h.waits = h.c.w.now
	}
	if h.c.w.now-h.waits > 40*Second {
		h.c.w.Violate("notifications: c%d waits since %s: deaf %v, to be told of %v", h.c.id, clockTime(h.waits), h.deaf, h.owed)
		return false
	}
	return true
}
