package engine

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// A client of protocol 3.2 has a key of 32 bytes. Each kind of client is cancelled by its own kind of key only, and by all
// of its bytes (trap 30).
func TestTrap30LongCancelKeys(t *testing.T) {
	r := newRig(t, 2, onePool(4))
	r.quiet = true
	key := func(c *rigSocket) (uint32, []byte) {
		s := c.loop.shard
		b := s.appendKey(nil, s.client(c.id.Slot()))
		if b[0] != pgwire.BackendKeyData || pgwire.FrameLen(b) != len(b) {
			t.Fatalf("a client is told %q", b)
		}
		return binary.BigEndian.Uint32(b[pgwire.HeaderLen:]), b[pgwire.HeaderLen+4:]
	}
	long, other, short := r.clientAs("long", Client{LongKey: true}), r.clientAs("other", Client{LongKey: true}), r.client("short")
	hangs := func(c *rigSocket) bool {
		r.says(c, "hang")
		return len(r.cancels) == 0
	}
	tries := func(pid uint32, secret []byte) (cancelled bool) {
		r.holdCancels = true
		defer func() { r.holdCancels = false; r.settle() }()
		done := r.e.Cancel(pid, secret)
		r.settle()
		select {
		case <-done:
			return false
		default:
			return len(r.cancels) == 1
		}
	}
	for _, c := range []*rigSocket{long, short} {
		if !hangs(c) {
			t.Fatal("a cancel from nowhere")
		}
		pid, secret := key(c)
		for i := range secret {
			wrong := bytes.Clone(secret)
			wrong[i] ^= 1
			if tries(pid, wrong) {
				t.Errorf("%s is cancelled with byte %d wrong", c.name, i)
			}
		}
		for _, wrong := range [][]byte{nil, secret[:3], secret[:len(secret)-1], append(bytes.Clone(secret), 0), bytes.Repeat([]byte{0}, 256)} {
			if tries(pid, wrong) {
				t.Errorf("%s is cancelled with %d bytes", c.name, len(wrong))
			}
		}
		if c == long && tries(pid, secret[:4]) {
			t.Error("the first bytes of a long key are enough")
		}
		if c == short {
			s := c.loop.shard
			if tries(pid, s.engine.keys.appendLong(nil, s.index, s.client(c.id.Slot()))) {
				t.Error("a client with a short key is cancelled with a long one")
			}
		}
		if otherPID, otherSecret := key(other); tries(pid, otherSecret) || tries(otherPID, secret) {
			t.Error("one client's key cancels another")
		}
		if !tries(pid, secret) {
			t.Errorf("%s is not cancelled by its own key", c.name)
		}
	}
	if _, a := key(long); len(a) != 32 {
		t.Errorf("a long key has %d bytes", len(a))
	}
	if _, b := key(short); len(b) != 4 {
		t.Errorf("a short key has %d bytes", len(b))
	}
}

// A process ID is never a server's, is positive, is found again, and is not given to the next who gets the slot.
func TestProcessIDs(t *testing.T) {
	for _, sizes := range []struct{ shards, slots uint32 }{{1, 2}, {2, 1 << 20}, {3, 4099}, {256, 1 << 20}} {
		e := &Engine{}
		for i := range sizes.shards {
			e.shards = append(e.shards, &Shard{engine: e, index: int(i), slots: slots{limit: sizes.slots}})
		}
		given := make(map[uint32]bool)
		for _, index := range []uint32{0, sizes.shards - 1} {
			for _, slot := range []uint32{1, sizes.slots - 1} {
				for gen := uint32(1); gen <= 5; gen++ {
					s := e.shards[index]
					pid := s.pid(&client{gen: gen, Client: session.Client{Slot: slot}})
					if pid <= 4194304-1 || pid > 1<<31-1 {
						t.Fatalf("%+v: %d may be a server's, or is negative", sizes, pid)
					}
					if found, ok := e.shardOf(pid); !ok || found != s || s.slotOf(pid) != slot {
						t.Fatalf("%+v: %d of shard %d, slot %d is not found", sizes, pid, index, slot)
					}
					given[pid] = true
				}
			}
		}
		if want := 5 * int(min(sizes.shards, 2)) * int(min(sizes.slots-1, 2)); len(given) != want {
			t.Errorf("%+v: %d process IDs for %d clients", sizes, len(given), want)
		}
	}
	if _, ok := (&Engine{}).shardOf(firstPID - 1); ok {
		t.Error("a server's process ID is a client's")
	}
}
