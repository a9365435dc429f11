package changes

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// listener is a Sink that notes what it is told, and checks what every Sink may rely on.
type listener struct {
	t  *testing.T
	mu sync.Mutex
	// events are what it was told: "follows a b", "changed a", "visible a", "lost".
	events    []string
	times     []time.Time
	log       []string
	pending   []string // changed and not visible
	following bool
	lost      error
}

func (l *listener) tell(event string) {
	l.events, l.times = append(l.events, event), append(l.times, time.Now())
}

func words(names []string) string {
	if names == nil {
		return "anything"
	}
	return strings.Join(names, " ")
}

func (l *listener) Follows(published []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.following = true
	l.tell(strings.TrimSpace("follows " + words(append([]string{}, published...))))
}

func (l *listener) Changed(tables []string, committed time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.IsSorted(tables) || len(slices.Compact(slices.Clone(tables))) != len(tables) {
		l.t.Errorf("told of %q: not sorted, each once", tables)
	}
	if ago := time.Since(committed); ago < -time.Minute || ago > 10*time.Minute {
		l.t.Errorf("told of a commit at %v, now is %v", committed, time.Now())
	}
	l.pending = append(l.pending, words(tables))
	l.tell("changed " + words(tables))
}

func (l *listener) Visible(tables []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.pending, words(tables))
	if i < 0 {
		l.t.Errorf("%q is visible and was not changed; changed are %q", tables, l.pending)
		return
	}
	l.pending = slices.Delete(l.pending, i, i+1)
	l.tell("visible " + words(tables))
}

func (l *listener) Lost(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.following {
		l.t.Errorf("lost what was not followed: %v", err)
	}
	l.following, l.lost = false, err
	l.tell("lost")
}

// why is what it was lost for.
func (l *listener) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

func (l *listener) logged(level, message, cause string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, level+": "+message+": "+cause)
}

// take returns what it was told since it was asked last.
func (l *listener) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.events
	l.events, l.times = nil, nil
	return out
}

// await waits until it was told something, and forgets all up to that.
func (l *listener) await(event string) time.Time {
	l.t.Helper()
	_, at := l.awaitAfter(event)
	return at
}

// awaitAfter is await, and returns what came before.
func (l *listener) awaitAfter(event string) (before []string, at time.Time) {
	l.t.Helper()
	awaitTrue(l.t, func() string { return fmt.Sprintf("waiting for %q: told %q\nlog: %q", event, l.events, l.log) }, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		i := slices.Index(l.events, event)
		if i < 0 {
			return false
		}
		before, at = l.events[:i], l.times[i]
		l.events, l.times = l.events[i+1:], l.times[i+1:]
		return true
	})
	return before, at
}

// awaitLog waits until something was logged.
func (l *listener) awaitLog(part string) {
	l.t.Helper()
	awaitTrue(l.t, func() string { return fmt.Sprintf("waiting for %q in the log: %q", part, l.log) }, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return slices.ContainsFunc(l.log, func(line string) bool { return strings.Contains(line, part) })
	})
}

func awaitTrue(t *testing.T, what func() string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what())
		}
	}
}
