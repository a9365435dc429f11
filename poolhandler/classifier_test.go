package poolhandler

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// reading is a grammar that reads when it is let.
type reading struct {
	let  chan struct{}
	mu   sync.Mutex
	now  int
	most int
}

func (r *reading) read(text string) (sql.Facts, error) {
	r.mu.Lock()
	r.now++
	r.most = max(r.most, r.now)
	r.mu.Unlock()
	<-r.let
	r.mu.Lock()
	r.now--
	r.mu.Unlock()
	switch text {
	case "bug":
		panic("bug: a test")
	case "nonsense":
		return sql.Facts{}, errors.New("syntax error")
	}
	return sql.Facts{Class: sql.ClassReads}, nil
}

func newReading() (*reading, *classifier) {
	r := &reading{let: make(chan struct{})}
	return r, newClassifier(r.read, zap.NewNop)
}

// ask classifies, and returns where the answer comes.
func ask(c *classifier, text string) <-chan *sql.Facts {
	answer := make(chan *sql.Facts, 2)
	c.classify([]byte(text), func(f *sql.Facts) { answer <- f })
	return answer
}

func TestTextsAreClassified(t *testing.T) {
	r, c := newReading()
	close(r.let)
	for text, want := range map[string]sql.Class{"SELECT 1": sql.ClassReads, "nonsense": sql.ClassWrites, "bug": sql.ClassWrites} {
		if f := <-ask(c, text); f == nil || f.Class != want {
			t.Errorf("%q is %+v", text, f)
		}
	}
}

// As many are read at a time as there are workers, so many wait as there is room for, and the others are told so at once.
func TestTextsThatWaitAreBounded(t *testing.T) {
	r, c := newReading()
	var all []<-chan *sql.Facts
	for range maxTexts + c.workers {
		all = append(all, ask(c, "x"))
		for c.idle() { // until the workers have taken theirs
			continue
		}
	}
	if f := <-ask(c, "one too many"); f != nil {
		t.Errorf("without room: %+v", f)
	}
	close(r.let)
	for _, answer := range all {
		if f := <-answer; f == nil || f.Class != sql.ClassReads {
			t.Fatalf("got %+v", f)
		}
	}
	if r.most > c.workers {
		t.Errorf("%d at a time, of %d", r.most, c.workers)
	}
	if f := <-ask(c, strings.Repeat("x", maxTextBytes+1)); f != nil {
		t.Errorf("a text that is too long: %+v", f)
	}
	for c.left() { // the workers end
		continue
	}
}

// idle tells whether texts wait though there are workers who have not taken one yet.
func (c *classifier) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting) > 0 && c.bytes <= c.workers
}

// left tells whether there are workers, or bytes that count.
func (c *classifier) left() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busy > 0 || c.bytes > 0
}
