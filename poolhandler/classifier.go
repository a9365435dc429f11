package poolhandler

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

const (
	// maxTexts bounds the texts that wait to be classified, and maxTextBytes the bytes of them and of those that are being
	// classified: after a start every text is new, and a text takes some 100 µs.
	maxTexts     = 4096
	maxTextBytes = 16 << 20
)

// classifier has texts read by the grammar, on a few goroutines that last as long as there is something to do.
type classifier struct {
	read    func(string) (sql.Facts, error)
	logger  func() *zap.Logger
	workers int // at most

	mu      sync.Mutex
	waiting []unread
	bytes   int
	busy    int // workers
}

// unread is a text, and who wants to know.
type unread struct {
	text   []byte
	answer func(*sql.Facts)
}

// newClassifier leaves half of the CPUs to the event loops, at least.
func newClassifier(read func(string) (sql.Facts, error), logger func() *zap.Logger) *classifier {
	return &classifier{read: read, logger: logger, workers: max(runtime.NumCPU()/2, 1)}
}

// classify answers once, from another goroutine or at once; with nil where there is no room, so that the text counts as a write this
// time and may be asked for again. The text is ours.
func (c *classifier) classify(text []byte, answer func(*sql.Facts)) {
	if !c.queue(unread{text, answer}) {
		answer(nil)
	}
}

// queue takes a text, if there is room.
func (c *classifier) queue(t unread) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= maxTexts || c.bytes+len(t.text) > maxTextBytes {
		return false
	}
	c.bytes += len(t.text)
	c.waiting = append(c.waiting, t)
	if c.busy < c.workers {
		c.busy++
		go c.work()
	}
	return true
}

// work classifies until nothing waits.
func (c *classifier) work() {
	for t, ok := c.next(); ok; t, ok = c.next() {
		t.answer(c.facts(string(t.text)))
		c.mu.Lock()
		c.bytes -= len(t.text)
		c.mu.Unlock()
	}
}

// next takes the text that has waited longest. Without one, the worker ends.
func (c *classifier) next() (t unread, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.busy--
		c.waiting = nil
		return t, false
	}
	t, c.waiting[0] = c.waiting[0], unread{}
	c.waiting = c.waiting[1:]
	return t, true
}

// facts is what the grammar says. What it cannot read is a write for ever: Postgres cannot read it either, and says so. A bug in it
// costs this text its facts, and nothing else.
func (c *classifier) facts(text string) (facts *sql.Facts) {
	defer func() {
		if bug := recover(); bug != nil {
			c.logger().Error("a text could not be classified, and counts as a write",
				zap.String("cause", fmt.Sprint(bug)), zap.ByteString("stack", debug.Stack()))
			facts = &sql.Facts{Traits: sql.Roles}
		}
	}()
	found, _ := c.read(text)
	return &found
}
