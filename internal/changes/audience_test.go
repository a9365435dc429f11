package changes

import (
	"strings"
	"testing"
	"time"
)

// newAudience is one that has been told of an empty publication.
func newAudience(t *testing.T) (*audience, *listener) {
	l := &listener{t: t}
	a := &audience{sink: l}
	a.join(membership{names: map[uint32][]string{}}, time.Now())
	return a, l
}

func written(xid uint32, table string) *transaction {
	return &transaction{xid: xid, committed: time.Now(), relations: map[uint32]string{xid: table}}
}

func TestTransactionsBecomeVisibleInTheirOwnOrder(t *testing.T) {
	a, l := newAudience(t)
	a.members.names = map[uint32][]string{10: {"a"}, 11: {"b"}, 12: {"c"}}
	for xid, table := range map[uint32]string{10: "a", 11: "b", 12: "c"} {
		if err := a.change(written(xid, table)); err != nil {
			t.Fatal(err)
		}
	}
	l.take()
	for _, step := range []struct {
		snapshot snapshot
		visible  string
	}{
		{snapshot{end: 10}, ""},
		{snapshot{end: 12, ongoing: []uint64{10}}, "visible b"},
		{snapshot{end: 12, ongoing: []uint64{10}}, ""},
		{snapshot{end: 13, ongoing: []uint64{10}}, "visible c"},
		{snapshot{end: 13}, "visible a"},
	} {
		a.show(&step.snapshot)
		if got := strings.Join(l.take(), ", "); got != step.visible {
			t.Errorf("at %+v it was told %q, not %q", step.snapshot, got, step.visible)
		}
	}
}

func TestTooManyThatAreNotVisible(t *testing.T) {
	a, _ := newAudience(t)
	for xid := range uint32(maxUnseen) {
		if err := a.change(written(xid, "a")); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.change(written(maxUnseen, "a")); err == nil {
		t.Error("one more is taken")
	}
}

// The set counts when all have ended who were under way when it was found; who began later does not matter.
func TestWhatIsFoundCountsWhenAllHaveEnded(t *testing.T) {
	a, _ := newAudience(t)
	for _, step := range []struct {
		snapshot snapshot
		found    finding
	}{
		{snapshot{end: 20, ongoing: []uint64{10, 11}}, unsettled},
		{snapshot{end: 30, ongoing: []uint64{11, 25}}, unsettled},
		{snapshot{end: 40, ongoing: []uint64{25}}, settled},
	} {
		a.show(&step.snapshot)
		if a.found != step.found {
			t.Errorf("at %+v it is %v, not %v", step.snapshot, a.found, step.found)
		}
	}
}

func TestAWarningNamesAFewTables(t *testing.T) {
	names := strings.Fields("a b c d e f g h i j")
	if got := some(names); got != "a, b, c, d, e, f, g, h, i, j" {
		t.Errorf("at the limit: %q", got)
	}
	if got := some(append(names, "k", "l")); got != "a, b, c, d, e, f, g, h, i, j and 2 more" {
		t.Errorf("past it: %q", got)
	}
}
