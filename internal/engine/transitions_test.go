package engine

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Every step that a client or a server makes from one state to the next, in any test of this package, is made in a
// conversation whose transcript can be read. testdata/transitions.txt says which.

var (
	clientStates = [...]string{"idle", "welcoming", "waiting", "preparing", "linked", "seeking", "finishing"}
	purposes     = [...]string{"idle", "linked", "preparing", "asking", "studying", "checking", "abandoned", "rolling back",
		"resetting", "waiting", "hearing", "leaving", "closing"}
)

// transitions is all that was seen, with the transcripts that show it, and some of the tests in which it was seen.
var transitions = struct {
	sync.Mutex
	shown, in map[string][]string
}{shown: map[string][]string{}, in: map[string][]string{}}

// watch is what one rig has seen.
type watch struct {
	clients map[*rigLoop]map[uint32]watched
	servers map[*server]held
	seen    map[string]bool
}

// watched is a client, as it was last seen, and held a server.
type (
	watched struct {
		gen   uint32
		state clientState
	}
	held struct {
		by      *rigLoop
		purpose purpose
	}
)

func newWatch(t testing.TB) *watch {
	w := &watch{clients: map[*rigLoop]map[uint32]watched{}, servers: map[*server]held{}, seen: map[string]bool{}}
	t.Cleanup(func() {
		transitions.Lock()
		defer transitions.Unlock()
		for step := range w.seen {
			transitions.shown[step] = append(transitions.shown[step], "")
			if len(transitions.in[step]) < 4 {
				transitions.in[step] = append(transitions.in[step], t.Name())
			}
		}
	})
	return w
}

// shownIn notes that a transcript shows what was seen.
func (w *watch) shownIn(transcript string) {
	transitions.Lock()
	defer transitions.Unlock()
	for step := range w.seen {
		transitions.shown[step] = append(transitions.shown[step], transcript)
	}
}

func (w *watch) saw(who, from, to string) {
	if from != to {
		w.seen[fmt.Sprintf("%s: %s → %s", who, from, to)] = true
	}
}

// look notes who is in another state than before. It is called after each event.
func (w *watch) look(l *rigLoop) {
	before := w.clients[l]
	if before == nil {
		before = map[uint32]watched{}
		w.clients[l] = before
	}
	slots := &l.shard.slots
	for i := uint32(1); i < slots.used; i++ {
		sl := slots.slot(i)
		was, known := before[i]
		known = known && was.gen == sl.gen
		switch {
		case sl.kind == slotClient && known:
			w.saw("client", clientStates[was.state], clientStates[sl.client.state])
		case sl.kind == slotClient:
			w.saw("client", "attached", clientStates[sl.client.state])
		case known:
			w.saw("client", clientStates[was.state], "gone")
		}
		if sl.kind == slotClient {
			before[i] = watched{sl.gen, sl.client.state}
		} else {
			delete(before, i)
		}
	}
	for _, srv := range slots.servers {
		if srv == nil {
			continue
		}
		if was, known := w.servers[srv]; known {
			w.saw("server", purposes[was.purpose], purposes[srv.purpose])
		} else {
			w.saw("server", "dialed", purposes[srv.purpose])
		}
		w.servers[srv] = held{l, srv.purpose}
	}
	for srv, was := range w.servers {
		if was.by == l && was.purpose != leaving && !slices.Contains(slots.servers, srv) {
			w.saw("server", purposes[was.purpose], "ended")
			delete(w.servers, srv)
		}
	}
}

// step is one event.
func (w *watch) step(l *rigLoop, ev *loop.Event) {
	l.shard.Step(ev)
	w.look(l)
}

// forget forgets a shard that has crashed, with everybody on it.
func (w *watch) forget(l *rigLoop) {
	delete(w.clients, l)
	maps.DeleteFunc(w.servers, func(_ *server, was held) bool { return was.by == l })
}

func TestMain(m *testing.M) {
	code := m.Run()
	if all := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == ""; all && code == 0 {
		code = checkTransitions()
	}
	os.Exit(code)
}

// checkTransitions compares all that was seen with testdata/transitions.txt.
func checkTransitions() int {
	var b strings.Builder
	code := 0
	for _, step := range slices.Sorted(maps.Keys(transitions.shown)) {
		transcript := slices.MaxFunc(transitions.shown[step], func(a, b string) int { // any, and always the same one
			return cmp.Or(cmp.Compare(min(len(a), 1), min(len(b), 1)), cmp.Compare(b, a))
		})
		if transcript == "" {
			fmt.Printf("no transcript shows %s, as in %s\n", step, transitions.in[step])
			code = 1
		}
		fmt.Fprintf(&b, "%-36s %s\n", step, transcript)
	}
	file := filepath.Join("testdata", "transitions.txt")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			fmt.Println(err)
			return 1
		}
		return code
	}
	want, err := os.ReadFile(file)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if b.String() != string(want) {
		fmt.Printf("%s says\n%s\nand what was seen is\n%s", file, want, b.String())
		return 1
	}
	return code
}
