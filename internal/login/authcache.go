package login

import (
	"context"
	"sync"
	"time"
)

const (
	// againAfter is how old an answer has to be for a login that fails with it to ask again: so often a second, at most,
	// can somebody who guesses passwords make us ask.
	againAfter = time.Second
	// unknownShare is which part of the time to live an answer has that there is no such user.
	unknownShare = 10
	// maxKnownAnswers and maxUnknownAnswers bound what is remembered: 65,536 users of some 500 bytes, 32 MB, and 4,096
	// names that are no users. They are apart, as anybody can invent names: those push out each other only.
	maxKnownAnswers   = 1 << 16
	maxUnknownAnswers = 1 << 12
)

// questionTimeout bounds one question, from its turn to its answer; statementTimeout is less. Tests, which share the
// machine, give it longer.
var questionTimeout = 5 * time.Second

// answer is what Postgres says of a user.
type answer struct {
	secret Secret
	known  bool
}

// answers remembers what Postgres has said, and asks it once, however many want to know at the same time.
//
//	      fresh ──────────────────────────────────▶ answer
//	want ─┤
//	      stale ── join the question, or begin it ─▶ answer, remembered │ error, not remembered
//
// An answer is never used past its time, also while Postgres cannot be asked: a password that has been changed, or a
// role that has been dropped, stops working after that time whatever happens. Those who are in already stay.
type answers struct {
	ask func(context.Context, Identity) (answer, error)
	ttl time.Duration

	mu             sync.Mutex
	known, unknown bounded[Identity, remembered]
	questions      map[Identity]*question
}

type remembered struct {
	answer
	asked time.Time // when the question was sent: what it tells is at least as new
}

// question is one under way. It ends when nobody waits for it any more, and does not when one of many goes.
type question struct {
	cancel  context.CancelFunc
	waiting int // under answers.mu
	done    chan struct{}
	answer  answer // these two once done is closed
	err     error
}

func newAnswers(ttl time.Duration, ask func(context.Context, Identity) (answer, error)) *answers {
	return &answers{
		ask: ask, ttl: ttl, questions: make(map[Identity]*question),
		known:   newBounded[Identity, remembered](maxKnownAnswers),
		unknown: newBounded[Identity, remembered](maxUnknownAnswers),
	}
}

// get returns what is known, or asks.
func (c *answers) get(ctx context.Context, who Identity) (answer, error) {
	c.mu.Lock()
	if r, ok := c.find(who); ok && time.Since(r.asked) < c.lifetime(r.answer) {
		c.mu.Unlock()
		return r.answer, nil
	}
	q := c.join(who)
	c.mu.Unlock()
	return c.await(ctx, who, q)
}

// again returns what is known if that is at most againAfter old, and asks otherwise.
func (c *answers) again(ctx context.Context, who Identity) (answer, error) {
	c.mu.Lock()
	if r, ok := c.find(who); ok && time.Since(r.asked) <= againAfter {
		c.mu.Unlock()
		return r.answer, nil
	}
	q := c.join(who)
	c.mu.Unlock()
	return c.await(ctx, who, q)
}

func (c *answers) lifetime(a answer) time.Duration {
	if a.known {
		return c.ttl
	}
	return c.ttl / unknownShare
}

// find returns the newest answer, however old. A user once known has its place among the known, also if it is dropped.
func (c *answers) find(who Identity) (remembered, bool) {
	if r, ok := c.known.get(who); ok {
		return r, true
	}
	return c.unknown.get(who)
}

func (c *answers) keep(who Identity, r remembered) {
	if _, ok := c.known.get(who); ok || r.known {
		c.known.put(who, r)
		return
	}
	c.unknown.put(who, r)
}

// join takes part in the question that is under way, or begins one.
func (c *answers) join(who Identity) *question {
	q := c.questions[who]
	if q == nil {
		ctx, cancel := context.WithTimeout(context.Background(), questionTimeout)
		q = &question{cancel: cancel, done: make(chan struct{})}
		c.questions[who] = q
		go c.run(ctx, who, q)
	}
	q.waiting++
	return q
}

func (c *answers) run(ctx context.Context, who Identity, q *question) {
	defer q.cancel()
	asked := time.Now()
	q.answer, q.err = c.ask(ctx, who)
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.err == nil {
		c.keep(who, remembered{q.answer, asked})
	}
	c.forget(who, q)
	close(q.done)
}

func (c *answers) forget(who Identity, q *question) {
	if c.questions[who] == q {
		delete(c.questions, who)
	}
}

func (c *answers) await(ctx context.Context, who Identity, q *question) (answer, error) {
	select {
	case <-q.done:
		return q.answer, q.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.waiting--; q.waiting == 0 {
		c.forget(who, q) // whoever comes now begins another
		q.cancel()
	}
	return answer{}, context.Cause(ctx)
}
