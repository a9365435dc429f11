package session

import (
	"bytes"
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// MaxReadings is how many texts a shard remembers the facts of, by fingerprint; each takes 200 bytes, and the names in it up to 4 KiB.
const MaxReadings = 4096

// recentReadings is how many guesses there are.
const recentReadings = 256

// maxMentioned is how many functions and relations a text may mention, and change, and still be remembered as more than a write of which nothing is
// known: a bound of memory.
const maxMentioned = 64

// maxVerdicts is for how many lists of suspects, that is databases, it is remembered at once what they say of a text.
const maxVerdicts = 4

// Readings remembers of texts what the grammar says of them, and whether they only read. The zero value is empty. It is of one shard.
type Readings struct {
	at      map[uint64]int32
	entries []remembered
	// lately is where those are that were looked up lately, by the lower bits of their fingerprints: a guess, which saves looking in at.
	lately [recentReadings]int32
	// hand goes round the entries for one that has not been looked up since it came by.
	hand int
	form []byte
}

type remembered struct {
	fingerprint uint64
	facts       sql.Facts
	// known: the facts are; else they have been asked for. asksSetting: it calls current_setting.
	known, used, asksSetting bool
	verdicts                 [maxVerdicts]readVerdict
	next                     uint8 // of the verdicts to be replaced
}

// readVerdict is what one list of suspects says of a text.
type readVerdict struct {
	by    *Suspects
	reads bool
}

// Lookup says what a text with a fingerprint does: ClassReads only if x, the present list of the database's suspects, says so too. Where it
// is not known, it is a write, and ask tells who is first to find out, and so is to call Learn, soon or late; it should not be asked
// for texts without a fingerprint, which are writes. It does not allocate, unless the text is new.
func (r *Readings) Lookup(fingerprint uint64, x *Suspects, text []byte) (class sql.Class, ask bool) {
	if fingerprint == 0 {
		return sql.ClassWrites, false
	}
	e := r.find(fingerprint)
	if e == nil {
		r.entry(fingerprint)
		return sql.ClassWrites, true
	}
	if e.facts.Class == sql.ClassReads && !r.reads(e, x, text) {
		return sql.ClassWrites, false
	}
	return e.facts.Class, false
}

// find is the entry of a fingerprint, not 0, which is being looked up; nil if there is none.
func (r *Readings) find(fingerprint uint64) *remembered {
	guess := &r.lately[fingerprint%recentReadings]
	if i := int(*guess); i >= len(r.entries) || r.entries[i].fingerprint != fingerprint {
		at, found := r.at[fingerprint]
		if !found {
			return nil
		}
		*guess = at
	}
	e := &r.entries[*guess]
	e.used = true
	return e
}

// Learn takes what the grammar says of the text with a fingerprint.
func (r *Readings) Learn(fingerprint uint64, f sql.Facts) {
	if fingerprint == 0 {
		return
	}
	if len(f.Functions)+len(f.Relations)+len(f.Written) > maxMentioned {
		f = sql.Facts{Traits: f.Traits & sql.Roles}
	}
	i, found := r.at[fingerprint]
	if !found {
		i = r.entry(fingerprint)
	}
	e := &r.entries[i]
	*e = remembered{fingerprint: fingerprint, facts: f, known: true, used: e.used, asksSetting: slices.Contains(f.Functions, "current_setting")}
}

// Forget forgets that a text was asked about, where no answer is going to come.
func (r *Readings) Forget(fingerprint uint64) {
	if i, found := r.at[fingerprint]; found && !r.entries[i].known {
		delete(r.at, fingerprint)
		r.entries[i] = remembered{}
	}
}

// reads is what a list says of a text, found out once as long as the list is the same.
func (r *Readings) reads(e *remembered, x *Suspects, text []byte) bool {
	if x == nil {
		return false
	}
	if e.asksSetting && namesServer(text) {
		return false
	}
	for i := range e.verdicts {
		if e.verdicts[i].by == x {
			return e.verdicts[i].reads
		}
	}
	r.form = sql.NormalForm(r.form[:0], text)
	v := readVerdict{x, r.form != nil && x.ReadsOnly(&e.facts, r.form)}
	e.verdicts[e.next] = v
	e.next = (e.next + 1) % maxVerdicts
	return v.reads
}

// namesServer reports whether a text that asks for a setting names one that is the server's and not the session's: a replica would
// answer otherwise than the primary. Which setting it is stands in a string, of which the facts say nothing.
func namesServer(text []byte) bool {
	return bytes.Contains(text, []byte("transaction_read_only")) || bytes.Contains(text, []byte("in_hot_standby"))
}

// entry is the index of a new entry, in the place of one that has not been looked up lately if there are too many.
func (r *Readings) entry(fingerprint uint64) int32 {
	if r.at == nil {
		r.at = map[uint64]int32{}
	}
	i := len(r.entries)
	if i < MaxReadings {
		r.entries = append(r.entries, remembered{})
	} else {
		i = r.unused()
		delete(r.at, r.entries[i].fingerprint)
	}
	r.entries[i] = remembered{fingerprint: fingerprint}
	r.at[fingerprint] = int32(i)
	return int32(i)
}

// unused is the next entry that has not been looked up since the hand last came by.
func (r *Readings) unused() int {
	for {
		r.hand = (r.hand + 1) % len(r.entries)
		if !r.entries[r.hand].used {
			return r.hand
		}
		r.entries[r.hand].used = false
	}
}
