package querycache

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// noting is a witness that writes down what it is told, and what the table was like then.
type noting struct {
	told []string
	// holds asks whether what rests on the table still does.
	holds func() bool
	late  []string
}

var opNames = [...]string{OpBegin: "begin", OpEnd: "end", OpCancel: "cancel", OpChange: "change", OpSeen: "seen"}

func (n *noting) Note(op Op, t *Table) {
	n.told = append(n.told, strings.TrimSpace(opNames[op]+" "+t.Name))
	if n.holds != nil && !n.holds() {
		n.late = append(n.late, n.told[len(n.told)-1])
	}
}

func (n *noting) heard(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(n.told, want) {
		t.Errorf("told: %q, not %q", n.told, want)
	}
	n.told = nil
}

// Who watches is told of what is written, once, and before it takes effect; of what is seen, that it was; of what is heard, nothing.
func TestWitnesses(t *testing.T) {
	l := NewLedger()
	a := l.Table("a")
	a.Change(1)
	w := &noting{}
	l.Watch(w)
	for _, c := range []struct {
		does func()
		want []string
	}{
		{func() { a.Begin(); a.End(2) }, []string{"begin a", "end a"}},
		{func() { a.Begin(); a.Cancel() }, []string{"begin a", "cancel a"}},
		{func() { l.All.Change(3) }, []string{"change"}},
		{func() { a.See(OpBegin, 4); a.See(OpEnd, 4) }, []string{"seen a", "seen a"}},
		{func() { l.All.See(OpChange, 4) }, []string{"seen"}},
		{func() { a.Hear(OpBegin, 5); a.Hear(OpEnd, 5); a.Hear(OpChange, 5); l.All.Hear(OpChange, 5) }, nil},
		{func() { l.Unwatch(w); a.Change(6) }, nil},
	} {
		c.does()
		w.heard(t, c.want...)
	}
	if a.Pending() != 0 || a.Mark() != 6 {
		t.Errorf("%d are pending, mark %d", a.Pending(), a.Mark())
	}
}

// What it is told has not happened yet: what rests on the table holds.
func TestWitnessesAreToldFirst(t *testing.T) {
	for op := range OpSeen + 1 {
		l := NewLedger()
		a := l.Table("a")
		e, _ := l.Evidence([]*Table{a})
		w := &noting{holds: e.Holds}
		l.Watch(w)
		switch op {
		case OpBegin:
			a.Begin()
		case OpEnd:
			a.End(1)
		case OpCancel:
			l.Unwatch(w)
			a.Begin()
			l.Watch(w)
			w.holds = func() bool { return a.Pending() == 1 }
			a.Cancel()
		case OpChange:
			a.Change(1)
		case OpSeen:
			a.See(OpChange, 1)
		}
		if len(w.told) != 1 || len(w.late) > 0 {
			t.Errorf("op %d: told %q, too late %q", op, w.told, w.late)
		}
	}
}

// Several watch: each is told, and one that leaves is not missed.
func TestSeveralWitnesses(t *testing.T) {
	l := NewLedger()
	one, two := &noting{}, &noting{}
	l.Watch(one)
	l.Watch(two)
	l.Table("a").Change(1)
	one.heard(t, "change a")
	two.heard(t, "change a")
	l.Unwatch(one)
	l.Table("a").Change(1)
	one.heard(t)
	two.heard(t, "change a")
	if l.Unwatch(two); l.Watched() {
		t.Error("somebody watches")
	}
}

// The sum tells whether anything was written while nobody watched; what was seen or heard does not count, nor what was not committed.
func TestWhatNoWitnessWasTold(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(l *Ledger, a *Table)
		written bool
	}{
		"nothing":                {func(l *Ledger, a *Table) {}, false},
		"a change":               {func(l *Ledger, a *Table) { a.Change(1) }, true},
		"of everything":          {func(l *Ledger, a *Table) { l.All.Change(1) }, true},
		"one that begins":        {func(l *Ledger, a *Table) { a.Begin() }, true},
		"one that is over":       {func(l *Ledger, a *Table) { a.Begin(); a.End(1) }, true},
		"one that ends late":     {func(l *Ledger, a *Table) { a.End(1) }, true},
		"one that is taken back": {func(l *Ledger, a *Table) { l.All.Begin(); l.All.Cancel() }, false},
		"what was seen":          {func(l *Ledger, a *Table) { a.See(OpBegin, 1); a.See(OpEnd, 1); l.All.See(OpChange, 1) }, false},
		"what was heard": {func(l *Ledger, a *Table) {
			a.Hear(OpBegin, 1)
			a.Hear(OpEnd, 1)
			a.Hear(OpEnd, 1)
			a.Hear(OpBegin, 1)
			a.Hear(OpCancel, 1)
			l.All.Hear(OpChange, 1)
		}, false},
	} {
		l, w := NewLedger(), &noting{}
		a := l.Table("a")
		if sum := l.Watch(w); sum != 0 {
			t.Errorf("of a new ledger the sum is %d", sum)
		}
		a.Change(1)
		sum := l.Unwatch(w)
		c.happens(l, a)
		if written := l.Watch(w) != sum; written != c.written {
			t.Errorf("%s: written, as the sum tells: %v", name, written)
		}
	}
}

// An end that is heard, of what was not heard to begin, leaves alone what is pending here.
func TestWhatIsHeardTakesNothingBackThatIsOurs(t *testing.T) {
	l := NewLedger()
	a := l.Table("a")
	a.Begin()
	e, _ := l.Evidence(nil)
	a.Hear(OpCancel, 1)
	a.Hear(OpEnd, 1)
	if a.Pending() != 1 || a.Changes() != 1 {
		t.Errorf("%d pending, %d changes", a.Pending(), a.Changes())
	}
	a.Hear(OpBegin, 2)
	if a.Pending() != 2 {
		t.Errorf("%d pending", a.Pending())
	}
	a.Hear(OpEnd, 2)
	a.Hear(OpEnd, 2)
	a.Cancel()
	if a.Pending() != 0 || a.Changes() != 3 || a.Mark() != 2 {
		t.Errorf("%d pending, %d changes, mark %d", a.Pending(), a.Changes(), a.Mark())
	}
	if !e.Holds() {
		t.Error("the whole database has changed")
	}
}

// Who begins to watch amid a change, which may not be in the sum yet, is told when it has taken effect.
func TestWhoBeginsToWatchAmidAChange(t *testing.T) {
	l, w := NewLedger(), &noting{}
	a := l.Table("a")
	told := a.tell(OpChange) // this is Change, and somebody comes in between
	if sum := l.Watch(w); sum != 0 {
		t.Fatalf("the sum is %d", sum)
	}
	a.change(1)
	a.tellLate(told)
	w.heard(t, "change a")
}

// counting counts what it is told.
type counting struct{ told atomic.Uint64 }

func (c *counting) Note(Op, *Table) { c.told.Add(1) }

// Whenever somebody comes and goes while others write, each write is told, or is in the difference of the sums.
func TestNoWriteIsMissedWhileWitnessesComeAndGo(t *testing.T) {
	const writers, each = 3, 20_000
	l, w := NewLedger(), &counting{}
	var writing sync.WaitGroup
	for i := range writers {
		a := l.Table(string(rune('a' + i)))
		writing.Go(func() {
			for range each {
				a.Change(1)
			}
		})
	}
	var over atomic.Bool
	go func() { writing.Wait(); over.Store(true) }()
	counted, sum := uint64(0), uint64(0)
	for !over.Load() {
		counted += (l.Watch(w) - sum) / (pendings + 1)
		sum = l.Unwatch(w)
	}
	counted += (l.Watch(w) - sum) / (pendings + 1)
	if told := w.told.Load(); told+counted < writers*each {
		t.Errorf("of %d writes %d are told, and %d counted", writers*each, told, counted)
	}
}

// Tables past the bound of those that are told apart are told as the whole database: others know them by their names.
func TestTablesThatOthersKnowOtherwise(t *testing.T) {
	l, w := NewLedger(), &noting{}
	l.Watch(w)
	l.others.Begin()
	l.others.End(1)
	w.heard(t, "begin", "end")
	if l.others.Told() || !l.All.Told() || !l.Table("a").Told() {
		t.Error("the others have a name")
	}
}

// Without a witness a write costs no allocation, and with one neither.
func TestWitnessesCostNoAllocation(t *testing.T) {
	l := NewLedger()
	a := l.Table("a")
	writes := func() {
		a.Begin()
		a.End(1)
		a.Begin()
		a.Cancel()
		a.Change(1)
		a.Hear(OpBegin, 1)
		a.Hear(OpEnd, 1)
	}
	for range 2 {
		if n := testing.AllocsPerRun(100, writes); n != 0 {
			t.Errorf("watched %v: %v allocations", l.Watched(), n)
		}
		l.Watch(deaf{})
	}
}

type deaf struct{}

func (deaf) Note(Op, *Table) {}
