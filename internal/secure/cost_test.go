package secure

import (
	"crypto/tls"
	"runtime"
	"testing"
)

// TestFieldsOfCryptoTLS: what lend.go looks for in a tls.Conn is there. If a new Go has moved it, look there first.
func TestFieldsOfCryptoTLS(t *testing.T) {
	if !fields.known {
		t.Fatal("crypto/tls.Conn has no rawInput, input and hand of the known types any more: lend.go lends nothing")
	}
}

// TestNoAllocationPerMessage: a small record, opened or sealed into memory that is there, allocates nothing.
func TestNoAllocationPerMessage(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	eachVersion(t, func(t *testing.T, version uint16) {
		s, c := pair(t, first(configs(version)), second(configs(version)))
		message, cipher, plain := []byte("select 1"), make([]byte, 0, 1<<10), make([]byte, 0, 1<<10)
		round := func() {
			for _, way := range [][2]*Conn{{c, s}, {s, c}} {
				sealed, err := way[0].Seal(cipher, message)
				if err != nil {
					panic(err)
				}
				if opened, _, err := way[1].Open(sealed, plain); err != nil || string(opened) != string(message) {
					panic(err)
				}
			}
		}
		round()
		least := 1e9
		for range 5 { // the runtime allocates now and then on its own
			least = min(least, testing.AllocsPerRun(100, round))
		}
		if least > 0 {
			t.Errorf("%v allocations for two messages", least)
		}
	})
}

// TestMemoryOfIdleConnections: an idle connection stays under 10 KB, whichever end it is, also once it has had a record of
// 16 KB.
func TestMemoryOfIdleConnections(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("measures memory")
	}
	const connections, bound = 2000, 10 << 10
	eachVersion(t, func(t *testing.T, version uint16) {
		server, client := configs(version)
		pair(t, server, client)
		for _, size := range []int{100, maxPayload} {
			for _, end := range []string{"server", "client"} {
				kept, message := make([]*Conn, connections), make([]byte, size)
				before := heap()
				for i := range kept {
					s, c := pair(t, server, client)
					open(t, s, seal(t, c, message))
					open(t, c, seal(t, s, message))
					if kept[i] = s; end == "client" {
						kept[i] = c
					}
				}
				each := (heap() - before) / connections
				runtime.KeepAlive(kept)
				t.Logf("a %s's end, after a message of %d bytes: %d bytes", end, size, each)
				if each > bound {
					t.Errorf("more than %d bytes", bound)
				}
			}
		}
	})
}

// heap is what is reachable.
func heap() int {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func first(a, _ *tls.Config) *tls.Config  { return a }
func second(_, b *tls.Config) *tls.Config { return b }
