package session

import "sync/atomic"

// Habit is what is known of the clients of a database: whether they ask for the numbers that they have drawn from sequences. All
// shards share it. A nil one is of clients that do not.
//
// To be right the first time, clients are taken for such that ask until so many transactions have drawn without a question: then
// little is done for a question that does not come. The first that comes later, and not in the transaction of the draw, may be
// answered with 55000, once.
type Habit struct {
	asked atomic.Bool
	drawn atomic.Int32
	// rests is how many rests in vain of servers of clients that have not asked yet others have waited for, less those that
	// the questions of others have paid for.
	rests atomic.Int32
}

const (
	// watched is how many transactions that draw are watched for a question. A program that asks does so after nearly each.
	watched = 1000
	// mostRests bounds Habit.rests: with 20 ms for each, it is a second of one server, in the life of a process.
	mostRests = 50
	// vainRests is how many rests in vain a client is worth that asks, before it is taken for one that does not. It is also how
	// many a client's first question is worth to those that have not asked yet.
	vainRests = 8
)

// Asking reports whether clients are to be expected to ask.
func (h *Habit) Asking() bool { return h != nil && (h.asked.Load() || h.drawn.Load() < watched) }

// draws notes that a client may draw in a transaction.
func (h *Habit) draws() {
	if h != nil && h.drawn.Load() < watched {
		h.drawn.Add(1)
	}
}

// asks notes that a client asks.
func (h *Habit) asks() {
	if h != nil && !h.asked.Load() { // all shards read it
		h.asked.Store(true)
	}
}

// manners is what is known of one client: whether it asks behind the transaction in which it has drawn, and whether it does so
// in time.
type manners struct {
	// asks: it does. lost: it has, for numbers that were lost by then.
	asks, lost bool
	// vain is how many rests in vain others have waited for since; again, how many after a question, since the last that came
	// behind another.
	vain, again uint8
}

// WorthARest reports whether others may be made to wait while a server rests with a client that has drawn.
func (s *Server) WorthARest(c *Client) bool {
	m := &c.manners
	switch {
	case !s.Habit.Asking():
		return false
	case s.Sequences.asked:
		return m.asks && m.again < vainRests
	case m.vain >= vainRests:
		return false
	}
	return m.asks || s.Habit.rests.Load() < mostRests
}

// RestedInVain notes that others have waited for that, and the client has not asked.
func (s *Server) RestedInVain(c *Client) {
	m := &c.manners
	switch {
	case s.Sequences.asked:
		m.again++
		return
	case !m.asks:
		s.Habit.rests.Add(1)
	}
	m.vain++
}

// asksLater notes that a client asks behind the transaction in which it has drawn.
func (s *Server) asksLater(c *Client) {
	m, q := &c.manners, &s.Sequences
	if h := s.Habit; h != nil && !m.asks {
		h.rests.Store(max(h.rests.Load()-vainRests, 0)) // roughly, with several shards
	}
	lost := q.Elsewhere && !q.Drew
	m.asks, m.vain, m.lost = true, 0, m.lost || lost
	if q.asked || lost {
		m.again = 0
	}
}

// Slow reports whether a client has asked for numbers that were lost by then: it takes its time.
func (c *Client) Slow() bool { return c.manners.lost }
