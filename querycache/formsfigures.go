package querycache

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// Form is the figures of one normal form. Its methods may be called from several loops at once, and do not allocate.
type Form struct {
	// Text is the normal form, clipped.
	Text        string
	Fingerprint uint64

	// Of Forms: what it was worth at the last look, and how often it had been asked for.
	worth, looked uint64

	misses, stored, refused atomic.Uint64
	missNanos, missBytes    atomic.Int64
	// bytes is of its entries that are in the cache.
	bytes atomic.Int64
	why   atomic.Uint32

	_    [64]byte
	hits [formStripes]formHits
}

// formStripes is how many loops count their hits without getting into each other's way.
const formStripes = 8

// formHits is a cache line of its own.
type formHits struct {
	n, bytes atomic.Uint64
	_        [48]byte
}

// Hit counts a reply of so many bytes from the cache. The stripe is any number, best that of the loop.
func (f *Form) Hit(stripe, bytes int) {
	h := &f.hits[uint(stripe)%formStripes]
	h.n.Add(1)
	h.bytes.Add(uint64(bytes))
}

// Miss counts a reply of so many bytes that Postgres took so many nanoseconds for, and whether it was kept.
func (f *Form) Miss(nanos int64, bytes int, stored bool) {
	f.misses.Add(1)
	f.missNanos.Add(nanos)
	f.missBytes.Add(int64(bytes))
	if stored {
		f.stored.Add(1)
	}
}

// Refuse counts one that could not be cached, and why.
func (f *Form) Refuse(why uint8) {
	f.refused.Add(1)
	f.why.Store(uint32(why))
}

// weigh counts the bytes of entries that come and go. A nil Form counts nothing.
func (f *Form) weigh(bytes int64) {
	if f != nil {
		f.bytes.Add(bytes)
	}
}

// hit sums up the stripes.
func (f *Form) hit() (n, bytes uint64) {
	for i := range f.hits {
		n += f.hits[i].n.Load()
		bytes += f.hits[i].bytes.Load()
	}
	return n, bytes
}

// callsSinceLook is how often it was asked for since the last look, which is now.
func (f *Form) callsSinceLook() uint64 {
	n, _ := f.hit()
	n += f.misses.Load() + f.refused.Load()
	since := n - f.looked
	f.looked = n
	return since
}

// FormRow is the figures of a form at one moment.
type FormRow struct {
	Text        string
	Fingerprint uint64
	// Hits were answered from the cache, Misses by Postgres, of which Stored were kept, and Refused could not be cached; why, the last
	// time, is Why.
	Hits, Misses, Stored, Refused uint64
	Why                           uint8
	// HitBytes and MissBytes are of all replies; Bytes of the entries that are there now, with their bookkeeping.
	HitBytes, MissBytes uint64
	Bytes               int64
	// MissNanos is how long Postgres took, in the mean, nanoseconds.
	MissNanos int64
}

// Rows is the figures of all forms that are known, by how often they were asked for, the most first.
func (f *Forms) Rows() []FormRow {
	f.mu.Lock()
	forms := slices.Clone(f.forms)
	f.mu.Unlock()
	rows := make([]FormRow, 0, len(forms))
	for _, form := range forms {
		rows = append(rows, form.row())
	}
	slices.SortFunc(rows, func(a, b FormRow) int {
		return cmp.Or(cmp.Compare(b.Hits+b.Misses, a.Hits+a.Misses), cmp.Compare(a.Text, b.Text))
	})
	return rows
}

func (f *Form) row() FormRow {
	hits, hitBytes := f.hit()
	misses := f.misses.Load()
	return FormRow{
		Text:        f.Text,
		Fingerprint: f.Fingerprint,
		Hits:        hits,
		Misses:      misses,
		Stored:      f.stored.Load(),
		Refused:     f.refused.Load(),
		Why:         uint8(f.why.Load()),
		HitBytes:    hitBytes,
		MissBytes:   uint64(f.missBytes.Load()),
		Bytes:       f.bytes.Load(),
		MissNanos:   f.missNanos.Load() / int64(max(misses, 1)),
	}
}
