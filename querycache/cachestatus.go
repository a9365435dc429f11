package querycache

// Status is figures of a Cache. Puts is Entries and all that have gone, by how.
type Status struct {
	Entries         int
	Bytes, MaxBytes int64
	// Puts is how many replies were kept, Refused how many were not, because there was no room and they had not been asked for before.
	Puts, Refused uint64
	// Evicted have gone for want of room; Stale because what they depend on was written, Expired because their time had passed, both when
	// a writer came by; Purged by Purge; Replaced by another reply for their key while they held.
	Evicted, Stale, Expired, Purged, Replaced uint64
}

// ending is how an entry goes.
type ending uint8

const (
	evicted ending = iota
	stale
	expired
	purged
	replaced
	endings
)

// ending is how an entry goes that goes now: because it does not hold, or else as said.
func (c *Cache) ending(e *Entry, otherwise ending) ending {
	switch {
	case !e.Evidence.Holds():
		return stale
	case e.Until <= c.late.Load():
		return expired
	}
	return otherwise
}

// Status is the figures of one moment. It waits for writers, and writers hardly for it: it looks at no entry.
func (c *Cache) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Status{
		Entries:  c.clock.n,
		Bytes:    c.bytes.Load(),
		MaxBytes: c.max.Load(),
		Puts:     c.puts,
		Refused:  c.refused.Load(),
		Evicted:  c.ends[evicted],
		Stale:    c.ends[stale],
		Expired:  c.ends[expired],
		Purged:   c.ends[purged],
		Replaced: c.ends[replaced],
	}
}
