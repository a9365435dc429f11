package loop

// Timer is something due at a time. What it is about, the core knows by Kind and Ref; it may have become pointless
// meanwhile, which is for the core to find out when it is due: timers are not taken back.
type Timer struct {
	At   int64
	Kind uint32
	Ref  uint64
}

// Timers is a queue of timers, the earliest first: a binary heap without pointers. The zero value is empty.
type Timers struct{ heap []Timer }

// Len is how many are set.
func (t *Timers) Len() int { return len(t.heap) }

// Next is when the earliest is due; Never if none is set.
func (t *Timers) Next() int64 {
	if len(t.heap) == 0 {
		return Never
	}
	return t.heap[0].At
}

// Set adds a timer.
func (t *Timers) Set(timer Timer) {
	t.heap = append(t.heap, timer)
	for i := len(t.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if t.heap[parent].At <= t.heap[i].At {
			return
		}
		t.heap[parent], t.heap[i] = t.heap[i], t.heap[parent]
		i = parent
	}
}

// Due takes the earliest timer out if it is due.
func (t *Timers) Due(now int64) (Timer, bool) {
	if len(t.heap) == 0 || t.heap[0].At > now {
		return Timer{}, false
	}
	first := t.heap[0]
	last := len(t.heap) - 1
	t.heap[0] = t.heap[last]
	t.heap = t.heap[:last]
	t.sink()
	return first, true
}

func (t *Timers) sink() {
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(t.heap); child++ {
			if t.heap[child].At < t.heap[least].At {
				least = child
			}
		}
		if least == i {
			return
		}
		t.heap[i], t.heap[least] = t.heap[least], t.heap[i]
		i = least
	}
}
