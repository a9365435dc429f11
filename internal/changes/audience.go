package changes

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxUnseen bounds the transactions that have been told and are not visible yet: a synchronous standby may keep many.
const maxUnseen = 10_000

// audience is what the Sink has been told, and what it is to be told when it is true.
//
// A table that is found in the publication may have been written to before it joined, by somebody who has not committed yet. That change
// is not told. So what is found counts when all have ended who were under way then. The same goes for the first time, when whoever
// committed just before the slot began may not be visible yet.
type audience struct {
	sink      Sink
	following bool     // Follows has been called
	published []string // with these, last

	members membership // what was found last
	found   finding
	awaited []uint64 // whose end it waits for
	unseen  []unseen
}

// finding is how far it is with what was found last.
type finding int

const (
	unasked   finding = iota // nothing yet
	unwaited                 // who was under way then is to be asked
	unsettled                // some of them are still
	settled
	followed // the Sink has been told
)

// unseen is a transaction that Changed has told, and Visible has not.
type unseen struct {
	xid    uint32
	tables []string
}

// told reports whether the Sink follows what was found last.
func (a *audience) told() bool { return a.found == followed }

// change tells of a transaction.
func (a *audience) change(t *transaction) error {
	if len(a.unseen) == maxUnseen {
		return fmt.Errorf("more than %d transactions are on disk and not visible: does a synchronous standby not answer?", maxUnseen)
	}
	tables := a.members.tables(t)
	a.unseen = append(a.unseen, unseen{t.xid, tables})
	a.sink.Changed(tables, t.committed)
	return nil
}

// show takes a snapshot, asked for after what was found.
func (a *audience) show(s *snapshot) {
	a.unseen = slices.DeleteFunc(a.unseen, func(u unseen) bool {
		visible := !s.underWay(s.widen(u.xid))
		if visible {
			a.sink.Visible(u.tables)
		}
		return visible
	})
	switch a.found {
	case unwaited:
		a.awaited, a.found = s.ongoing, unsettled
	case unsettled:
		a.awaited = slices.DeleteFunc(a.awaited, func(xid uint64) bool { return !s.underWay(xid) })
	}
	if a.found == unsettled && len(a.awaited) == 0 {
		a.found = settled
	}
}

// join takes what the publication tells. What has left is not followed from now on; what is new, when it counts. Of what is part of
// something else since, changes may have been told by too few names.
func (a *audience) join(m membership, now time.Time) {
	if a.found != unasked && a.members.equal(&m) {
		return
	}
	if a.members.renames(&m) {
		a.sink.Changed(nil, now)
		a.sink.Visible(nil)
	}
	a.members, a.found = m, unwaited
	if rest := both(a.published, m.published); a.following && len(rest) < len(a.published) {
		a.tell(rest)
	}
}

func (a *audience) tell(published []string) {
	a.following, a.published = true, published
	a.sink.Follows(published)
}

// tellFollows calls Follows when it is true: what was found counts, and the stream has caught up.
func (f *follower) tellFollows() {
	if f.found != settled || !f.caughtUp {
		return
	}
	f.found = followed
	if f.following && slices.Equal(f.published, f.members.published) {
		return
	}
	f.complained = ""
	f.Log("info", fmt.Sprintf("the changes of %d tables are followed", len(f.members.published)), "")
	f.tell(f.members.published)
}

// maxNamed bounds the tables that a warning names.
const maxNamed = 10

// warn logs what is wrong with a publication, once until that changes.
func (f *follower) warn(m *membership) {
	if len(m.filtered) > 0 && !slices.Equal(m.filtered, f.members.filtered) {
		f.Log("warn", "tables with a row filter in the publication are not followed, nor cached: "+some(m.filtered), "")
	}
	if len(m.unidentified) > 0 && !slices.Equal(m.unidentified, f.members.unidentified) {
		f.Log("warn", "Postgres refuses to update or delete rows of published tables without a replica identity: "+
			"give them a primary key, or ALTER TABLE … REPLICA IDENTITY FULL: "+some(m.unidentified), "")
	}
}

func some(names []string) string {
	if len(names) > maxNamed {
		return strings.Join(names[:maxNamed], ", ") + fmt.Sprintf(" and %d more", len(names)-maxNamed)
	}
	return strings.Join(names, ", ")
}
