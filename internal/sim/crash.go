package sim

// crash is what a shard panics with when it meets the bug that was planned for it. What else panics is a bug indeed.
type crash struct{}

// crashPoint is where in its turn a shard meets a bug.
type crashPoint uint8

const (
	nowhere    crashPoint = iota
	inWait                // before the turn: the last one's operations were performed
	inTick                // when the events are known
	amidEvents            // when some of them were taken
	inHost                // in the middle of one, when the Host has been asked for something
	beforeOps             // when all is decided, and nothing is done
	crashPoints
)

// doom plans a bug for some shard.
func (r *Run) doom() {
	if r.reckoning {
		return
	}
	i := r.random.IntN(r.Shards)
	r.doomed[i] = 1 + crashPoint(r.random.IntN(int(crashPoints)-1))
	r.Note("shard %d is going to crash, at point %d", i, r.doomed[i])
}

// meet panics if the shard is to meet its bug here.
func (r *Run) meet(i int, at crashPoint) {
	if r.doomed[i] == at {
		panic(crash{})
	}
}

// trip panics if the shard whose turn it is is to meet its bug in the Host.
func (h *Host) trip() {
	if h.tripping {
		panic(crash{})
	}
}

// crashPause bounds how long a loop that has crashed takes to come back.
const crashPause = 100 * Millisecond

// crash is rule 10: the shard's connections are closed with their driver, and it begins again, empty, with another.
// Whoever was connected to it may say so; nobody else.
func (r *Run) crash(i int) {
	r.Note("shard %d crashes", i)
	r.crashed++
	r.doomed[i], r.down[i], r.host.tripping = nowhere, true, false
	_ = r.drivers[i].Close()
	r.Engine.Shard(i).Crash("a simulated bug", nil)
	for _, c := range r.clients {
		c.mayBeLost = c.mayBeLost || c.end != nil && c.end.peer.closed
	}
	r.After(int64(r.Between(1, int(crashPause))), func() {
		r.Note("shard %d begins again", i)
		r.down[i] = false
		r.drivers[i] = r.NewDriver(i, capacity, false)
		r.Engine.Shard(i).Bind(r.drivers[i])
	})
}
