package routing

import "fmt"

// Event is something that people want to know of an upstream.
type Event struct {
	Kind    EventKind
	At      int64 // in the time that the Tracker is told
	Address string
	Words   string // a sentence without a period
}

// EventKind is what has happened.
type EventKind uint8

// The kinds. EventRole is any change of what an upstream is; EventPrimary and EventDoubted say so of the changes that matter most:
// writes go there from now on, and it claims to be primary and is not believed. EventStranger: it is of another cluster.
const (
	EventUp EventKind = iota
	EventDown
	EventRole
	EventPrimary
	EventDoubted
	EventStranger
	EventBreakerOpened
	EventBreakerClosed
)

var kinds = [...]string{"up", "down", "role", "primary", "doubted", "stranger", "breaker_opened", "breaker_closed"}

// String is the kind as one word.
func (k EventKind) String() string { return kinds[k] }

// MaxEvents is how many events are kept until somebody asks for them; beyond that the oldest are forgotten.
const MaxEvents = 256

// Events returns what has happened since it was asked last, in order.
func (t *Tracker) Events() []Event {
	e := t.events
	t.events = nil
	return e
}

func (t *Tracker) happened(now int64, k EventKind, address, format string, args ...any) {
	if len(t.events) == MaxEvents {
		t.events = t.events[1:]
	}
	t.events = append(t.events, Event{Kind: k, At: now, Address: address, Words: fmt.Sprintf(format, args...)})
}
