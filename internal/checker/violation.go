package checker

import (
	"fmt"
	"time"
)

// Rule is what was broken. They are explained at [History.Check].
type Rule string

// The rules.
const (
	Invented  Rule = "invented"
	Torn      Rule = "torn"
	Old       Rule = "old"
	Stale     Rule = "stale"
	Back      Rule = "back"
	Forgotten Rule = "forgotten"
	Late      Rule = "late"
	Behind    Rule = "behind"
)

// Violation is a read that broke a rule.
type Violation struct {
	Rule     Rule
	Session  int
	Register string
	Read     Read
	// Want is the write that should have shown at least; zero where a rule is broken whatever was written.
	Want Write
}

// String tells it to people.
func (v Violation) String() string {
	r := &v.Read
	text := fmt.Sprintf("%s: session %d read version %d of %s (%s), computed %s, in %v", v.Rule, v.Session, r.Version, v.Register, r.How,
		r.origin(), time.Duration(r.Ended-r.Began))
	if r.Twin != r.Version {
		text += fmt.Sprintf("; its twin was at %d", r.Twin)
	}
	if w := v.Want; w.Version != 0 {
		text += fmt.Sprintf("; but %d, written by session %d (%s), was begun %v and acknowledged %v before the read began", w.Version, w.Session, w.How,
			time.Duration(r.Began-w.Began), time.Duration(r.Began-w.Acknowledged))
	}
	return text
}

// origin tells where and when a reply was computed.
func (r *Read) origin() string {
	where := "on the primary"
	if r.AtReplica {
		where = "on a replica"
	}
	if r.Cached() {
		return fmt.Sprintf("%s %v before it was asked for", where, time.Duration(r.Began-r.Computed))
	}
	return where + " for this read"
}
