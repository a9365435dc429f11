package fleet

import (
	"errors"
	"time"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// others is what a member knows of the others: what is under way there, and who is silent (rules 11 to 14).
type others struct {
	pace    *Pace
	members map[memberID]*other
	// heard is told what follows. The ops of a table begin and end in pairs.
	heard func(op querycache.Op, table string)
}

// other is one of them.
type other struct {
	seq     uint64          // of its newest record
	at      int64           // when that was read
	pending map[string]bool // the tables of which it has told that a change is under way
	stated  bool            // those are all
	// silentUntil: it is not heard, and the whole database counts as being changed until then; 0: it is heard.
	silentUntil int64
	// doubtUntil: it has told that the whole database is to count so; 0: it has not.
	doubtUntil int64
}

// maxMembers bounds those that are known.
const maxMembers = 1024

var errMembers = errors.New("more than 1024 processes share the database; give some of them another prefix")

// apply takes what another member has written. joining: its state is to be believed also of members that we have not heard.
func (o *others) apply(r *record, now int64, joining bool) error {
	m := o.members[r.from]
	if m == nil {
		if len(o.members) >= maxMembers {
			return errMembers
		}
		m = &other{pending: map[string]bool{}}
		o.members[r.from] = m
	}
	if r.seq <= m.seq { // it was late, and has been told once more since
		return nil
	}
	m.seq, m.at = r.seq, now
	o.isHeard(m)
	for _, t := range r.tables {
		o.learn(m, t)
	}
	if r.isState() {
		m.stated = true
		o.endUnnamed(m, r.tables)
	}
	if r.doubt > 0 && joining {
		o.doubt(m, now+int64(r.doubt))
	}
	if r.kind == leaves {
		o.forget(r.from, m)
	}
	return nil
}

// learn takes what a record says of a table.
func (o *others) learn(m *other, t told) {
	was := m.pending[t.name]
	switch {
	case was && !t.pending && t.changed:
		o.heard(querycache.OpEnd, t.name)
	case was && !t.pending:
		o.heard(querycache.OpCancel, t.name)
	case t.changed:
		o.heard(querycache.OpChange, t.name)
	}
	if t.pending && !was {
		o.heard(querycache.OpBegin, t.name)
	}
	if t.pending {
		m.pending[t.name] = true
	} else {
		delete(m.pending, t.name)
	}
}

// endUnnamed ends what a state does not name.
func (o *others) endUnnamed(m *other, named []told) {
	for name := range m.pending {
		if !isNamed(named, name) {
			o.heard(querycache.OpEnd, name)
			delete(m.pending, name)
		}
	}
}

func isNamed(named []told, name string) bool {
	for _, t := range named {
		if t.name == name {
			return true
		}
	}
	return false
}

// doubt has the whole database count as being changed for longer.
func (o *others) doubt(m *other, until int64) {
	if m.doubtUntil == 0 {
		o.heard(querycache.OpBegin, "")
	}
	m.doubtUntil = max(m.doubtUntil, until)
}

// isHeard ends the silence of a member.
func (o *others) isHeard(m *other) {
	if m.silentUntil != 0 {
		m.silentUntil = 0
		o.heard(querycache.OpEnd, "")
	}
}

// forget ends all that was under way at a member.
func (o *others) forget(id memberID, m *other) {
	o.endUnnamed(m, nil)
	o.isHeard(m)
	if m.doubtUntil != 0 {
		o.heard(querycache.OpEnd, "")
	}
	delete(o.members, id)
}

// forgetAll is forget of everybody.
func (o *others) forgetAll() {
	for id, m := range o.members {
		o.forget(id, m)
	}
}

// tick notes who is silent, and ends what has lasted long enough.
func (o *others) tick(now int64) {
	for id, m := range o.members {
		switch {
		case m.silentUntil != 0 && now >= m.silentUntil:
			o.forget(id, m)
			continue
		case m.silentUntil == 0 && now-m.at > int64(o.pace.Lease):
			m.silentUntil = now + int64(o.pace.Quarantine)
			o.heard(querycache.OpBegin, "")
		}
		if m.doubtUntil != 0 && now >= m.doubtUntil {
			m.doubtUntil = 0
			o.heard(querycache.OpEnd, "")
		}
	}
}

// haveStated reports whether it is known of all that are heard what is under way there.
func (o *others) haveStated() bool {
	for _, m := range o.members {
		if !m.stated && m.silentUntil == 0 {
			return false
		}
	}
	return true
}

// doubtful is how long the whole database still counts as being changed.
func (o *others) doubtful(now int64) (left time.Duration) {
	for _, m := range o.members {
		left = max(left, time.Duration(max(m.silentUntil, m.doubtUntil)-now))
	}
	return min(left, maxDoubt)
}
