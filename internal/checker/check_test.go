package checker

import (
	"strings"
	"testing"
	"time"
)

// promise is what the histories below are held to. Their times are in milliseconds.
var promise = Promise{TTL: 100 * time.Millisecond, Bypassed: 100 * time.Millisecond, Lag: 50 * time.Millisecond}

const ms = int64(time.Millisecond)

// writes is a register in which session 0 has written 1, from 10 to 12, 2, from 20 to 22, and 4, from 40 to 42; 3 was rolled back; 5 is
// on its way since 1000, and what becomes of it nobody knows.
func writes() Register {
	g := Register{Name: "r"}
	for _, w := range []Write{
		{Version: 1, Began: 10, Acknowledged: 12}, {Version: 2, Began: 20, Acknowledged: 22}, {Version: 3, Began: 30, Acknowledged: 32, Undone: true},
		{Version: 4, Began: 40, Acknowledged: 42},
	} {
		w.Began, w.Acknowledged = w.Began*ms, w.Acknowledged*ms
		g.Wrote(w)
	}
	g.Wrote(Write{Version: 5, Began: 1000 * ms, Acknowledged: Never})
	return g
}

// read takes a millisecond, and is computed in it.
func read(version, began int64) Read {
	return Read{Version: version, Twin: version, Began: began * ms, Ended: (began + 1) * ms, Computed: began*ms + ms/2}
}

// cached is a reply that was computed at an instant before.
func cached(version, began, computed int64) Read {
	r := read(version, began)
	r.Computed = computed * ms
	return r
}

// late is a reply of a replica.
func late(r Read) Read {
	r.AtReplica = true
	return r
}

func torn(r Read) Read {
	r.Twin--
	return r
}

// Each line is what one session reads, one read after the other, and the rule that the last of them breaks, if any. Session 0 has written.
var histories = []struct {
	name     string
	session  int
	bypassed bool
	reads    []Read
	want     Rule
}{
	{"what was written last", 1, false, []Read{read(2, 25), read(4, 43)}, ""},
	{"what is being written shows early", 1, false, []Read{read(4, 41), read(4, 42)}, ""},
	{"what is being written shows late", 1, false, []Read{read(2, 41)}, ""},
	{"what is acknowledged while it is read", 1, false, []Read{read(2, 42)}, ""},
	{"what was acknowledged before", 1, false, []Read{read(2, 43)}, Stale},
	{"a cached reply that is current", 1, false, []Read{cached(4, 60, 43)}, ""},
	{"a cached reply that is stale", 1, false, []Read{cached(2, 60, 39)}, Stale},
	{"a cached reply of a replica that is stale", 1, false, []Read{late(cached(2, 60, 43))}, Stale},
	{"a cached reply at the end of its time", 1, false, []Read{cached(4, 144, 43)}, ""}, // the reply before has taken a millisecond
	{"a cached reply past its time", 1, false, []Read{read(4, 43), cached(4, 145, 43)}, Old},
	{"back, amid a write", 1, false, []Read{read(4, 41), read(2, 42)}, Back},
	{"back, cached", 1, false, []Read{read(4, 41), cached(2, 42, 39)}, Back},
	{"back, between replicas", 1, false, []Read{late(read(4, 41)), late(read(2, 45))}, ""},
	{"a replica that is late", 1, false, []Read{late(read(2, 92))}, ""},
	{"a replica that is too late", 1, false, []Read{late(read(2, 93))}, Late},
	{"a replica that is late to who has written", 0, false, []Read{late(read(2, 43))}, Forgotten},
	{"a replica that is not, to who has written", 0, false, []Read{late(read(4, 43))}, ""},
	{"what was rolled back", 1, false, []Read{read(3, 31)}, Invented},
	{"what nobody wrote", 1, false, []Read{read(6, 2000)}, Invented},
	{"nothing", 1, false, []Read{read(0, 5)}, Invented},
	{"what is written only later", 1, false, []Read{read(2, 18)}, Invented},
	{"what is written from the end of the read on", 1, false, []Read{read(2, 19)}, ""},
	{"what may have been written", 1, false, []Read{read(5, 2000)}, ""},
	{"what may not have been written", 1, false, []Read{read(4, 2000)}, ""},
	{"half a transaction", 1, false, []Read{torn(read(2, 25))}, Torn},
	{"past the pooler, cached, in time", 1, true, []Read{cached(2, 139, 39)}, ""},
	{"past the pooler, cached, too late", 1, true, []Read{read(2, 25), cached(2, 144, 120)}, Behind},
	{"past the pooler, not cached", 1, true, []Read{read(2, 43)}, Behind},
	{"past the pooler, computed meanwhile, for another", 1, true, []Read{read(2, 25), cached(2, 43, 43)}, ""},
	{"past the pooler, by a replica that is late", 1, true, []Read{late(read(2, 92))}, ""},
	{"past the pooler, by a replica that is too late", 1, true, []Read{late(read(2, 93))}, Behind},
	{"past the pooler, cached, of a late replica", 1, true, []Read{late(cached(2, 180, 90))}, ""},
	{"past the pooler, back", 1, true, []Read{read(4, 41), cached(2, 60, 39)}, ""},
	{"past the pooler, what was rolled back", 1, true, []Read{cached(3, 60, 39)}, Invented},
}

// history is one of them. The reply that sets the time of the slowest read, a millisecond, is always there.
func history(session int, bypassed bool, reads []Read) *History {
	g := writes()
	g.Bypassed = bypassed
	h := &History{Registers: []Register{g}, Sessions: make([][]Read, 3)}
	h.Sessions[session] = reads
	h.Sessions[2] = []Read{read(1, 13)}
	return h
}

func TestEachKindOfViolationIsFoundAndNoOther(t *testing.T) {
	for _, x := range histories {
		found := history(x.session, x.bypassed, x.reads).Check(promise)
		switch {
		case x.want == "" && len(found) > 0:
			t.Errorf("%s: %v", x.name, found)
		case x.want != "" && (len(found) != 1 || found[0].Rule != x.want || found[0].Read != x.reads[len(x.reads)-1]):
			t.Errorf("%s: found %v, want that the last read is %s", x.name, found, x.want)
		}
	}
}

// What a session saw in a round before it must not lose in the next; the writes are still there, and so is the time of the slowest read.
func TestRoundsAreOneHistory(t *testing.T) {
	for _, x := range histories {
		h := history(x.session, x.bypassed, nil)
		var found []Violation
		for _, r := range x.reads {
			h.Sessions[x.session] = append(h.Sessions[x.session], r)
			found = append(found, h.Check(promise)...)
			h.NextRound()
		}
		if (x.want == "") != (len(found) == 0) {
			t.Errorf("%s: in rounds: found %v, want %q", x.name, found, x.want)
		}
	}
}

// A violation tells who read what, how, and what it should have been.
func TestViolationsTellWhatHappened(t *testing.T) {
	r := cached(2, 60, 39)
	r.How = "simply"
	found := history(1, false, []Read{r}).Check(promise)
	if len(found) != 1 {
		t.Fatal(found)
	}
	for _, want := range []string{"stale", "session 1", "version 2 of r", "simply", "on the primary 21ms before", "but 4", "by session 0",
		"acknowledged 18ms before"} {
		if !strings.Contains(found[0].String(), want) {
			t.Errorf("%s: without %q", found[0], want)
		}
	}
}

func TestViolationsAreBounded(t *testing.T) {
	var reads []Read
	for i := range int64(3 * maxViolations) {
		reads = append(reads, read(2, 60+i))
	}
	if found := history(1, false, reads[:maxViolations-1]).Check(promise); len(found) != maxViolations-1 {
		t.Errorf("%d found of %d", len(found), maxViolations-1)
	}
	if found := history(1, false, reads).Check(promise); len(found) != maxViolations {
		t.Errorf("%d found, want %d", len(found), maxViolations)
	}
}

// One reply that is served again and again is one violation.
func TestOneReplyIsOneViolation(t *testing.T) {
	h := history(1, false, []Read{read(4, 50), cached(2, 60, 39), cached(2, 61, 39), cached(2, 62, 39), cached(2, 63, 38)})
	if found := h.Check(promise); len(found) != 2 {
		t.Errorf("found %v, want two replies", found)
	}
	fresh := read(2, 39)
	again := fresh
	again.Began, again.Ended = 60*ms, 61*ms
	if found := history(1, false, []Read{fresh, again, again}).Check(promise); len(found) != 1 || found[0].Read != again {
		t.Errorf("found %v, want that the reply is stale the second time", found)
	}
}

func TestReadsAreCounted(t *testing.T) {
	n := Counts{Reads: 1}
	n.Count(history(1, false, []Read{read(2, 25), cached(2, 30, 25), late(cached(2, 31, 25)), late(read(2, 32))}))
	if n != (Counts{Reads: 6, Cached: 2, AtReplica: 1}) {
		t.Errorf("%+v", n)
	}
}

// Whoever drives must not have two write at once.
func TestWritesMustGrow(t *testing.T) {
	for _, w := range []Write{{Version: 5, Began: 2000 * ms}, {Version: 6, Began: 999 * ms}} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.HasPrefix(said, "bug: ") {
					t.Errorf("%+v is taken: %q", w, said)
				}
			}()
			g := writes()
			g.Wrote(w)
		}()
	}
}
