package loop

import (
	"slices"
	"testing"
)

// taker takes some descriptors, and meets a bug or stops.
type taker struct {
	takes   []int32
	bug     bool
	stopped bool
}

func (c *taker) Stopped() bool   { return c.stopped }
func (c *taker) Deadline() int64 { return Never }
func (c *taker) Tick(int64)      {}
func (c *taker) Ops() []Op       { c.stopped = true; return nil }

func (c *taker) Step(e *Event) {
	if c.bug {
		panic("bug: a test's")
	}
	if slices.Contains(c.takes, e.FD) {
		e.FD = Taken
	}
}

// giver gives events once.
type giver struct{ events []Event }

func (d giver) Wait(int64) ([]Event, int64) { return d.events, 0 }
func (d giver) Submit([]Op)                 {}
func (d giver) Wake()                       {}
func (d giver) Now() int64                  { return 0 }
func (d giver) Capacity() int               { return 1 }
func (d giver) Close() error                { return nil }

func TestDescriptorsThatNobodyHasTakenAreNotLost(t *testing.T) {
	for what, c := range map[string]struct {
		core taker
		want []int
	}{
		"all taken":  {taker{takes: []int32{7, 8}}, nil},
		"one taken":  {taker{takes: []int32{7}}, []int{8}},
		"none taken": {taker{}, []int{7, 8}},
		"a bug":      {taker{bug: true}, []int{7, 8}},
	} {
		var lost []int
		func() {
			defer func() { _ = recover() }()
			Run(&c.core, giver{[]Event{{Kind: Detached, FD: 7}, {Kind: Received, FD: 9}, {Kind: Accepted, FD: 8}}},
				func(fd int) { lost = append(lost, fd) })
		}()
		if !slices.Equal(lost, c.want) {
			t.Errorf("%s: lost %v, want %v", what, lost, c.want)
		}
	}
}
