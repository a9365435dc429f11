package querycache

import (
	"sync"
	"unicode/utf8"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// Forms is figures by the normal form of what was asked: what an operator looks at to see which queries the cache serves, and which it
// does not, and why. It knows a bounded number of them. The zero value knows none. All methods may be called from several loops at
// once.
type Forms struct {
	mu            sync.Mutex
	byFingerprint map[uint64]*Form
	forms         []*Form
	hand          int
}

const (
	// maxForms bounds the forms that are known: about 1.7 MiB.
	maxForms = 1000
	// maxFormText bounds the text of one, in bytes; what is longer is clipped.
	maxFormText = 1 << 10
	// formsCompared is among how many the least useful is looked for when there are too many, and formsApart how far they stand from each
	// other: those that came one after the other at the start are often the ones that matter. It has no divisor in common with maxForms, so
	// each has its turn.
	formsCompared = 16
	formsApart    = 61
)

// Of is the form of a text, with its fingerprint. It takes a lock, and allocates for a form that is new: ask on a miss, and remember it in
// the Entry.
func (f *Forms) Of(fingerprint uint64, text []byte) *Form {
	if form := f.find(fingerprint); form != nil {
		return form
	}
	return f.add(&Form{Text: formText(text), Fingerprint: fingerprint})
}

func (f *Forms) find(fingerprint uint64) *Form {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byFingerprint[fingerprint]
}

// add adds a form, in place of the least useful if there are too many, unless another was quicker.
func (f *Forms) add(form *Form) *Form {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.byFingerprint[form.Fingerprint]; known != nil {
		return known
	}
	if f.byFingerprint == nil {
		f.byFingerprint = make(map[uint64]*Form)
	}
	if len(f.forms) < maxForms {
		f.forms = append(f.forms, form)
	} else {
		at := f.leastUseful()
		delete(f.byFingerprint, f.forms[at].Fingerprint)
		f.forms[at] = form
	}
	f.byFingerprint[form.Fingerprint] = form
	return form
}

// leastUseful is the form, among a few, that was asked for least: with each look, what was before counts an eighth less.
func (f *Forms) leastUseful() (least int) {
	for i := range formsCompared {
		form := f.forms[f.hand]
		form.worth = form.worth - form.worth/8 + form.callsSinceLook()<<8
		if i == 0 || form.worth < f.forms[least].worth {
			least = f.hand
		}
		f.hand = (f.hand + formsApart) % len(f.forms)
	}
	return least
}

// unreadable is shown in the place of the normal form of texts that have none.
const unreadable = "(a text that cannot be read for certain)"

// formText is the normal form of a text, clipped.
func formText(text []byte) string {
	form := sql.NormalForm(nil, text)
	if form == nil {
		return unreadable
	}
	if len(form) <= maxFormText {
		return string(form)
	}
	end := maxFormText
	for end > maxFormText-utf8.UTFMax && !utf8.RuneStart(form[end]) {
		end--
	}
	return string(form[:end])
}
