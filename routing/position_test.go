package routing

import "testing"

func TestAPositionBehindAHeaderIsReplayedWhereTheHeaderBegins(t *testing.T) {
	for position, want := range map[LSN]LSN{
		0x3000028:        0x3000000, // what Postgres 15 says after pg_switch_wal(): the primary the one, its replica the other
		0x3100028:        0x3100000, // segments of 1 MiB
		0x301C018:        0x301C000, // and the two at the beginning of a page amid a segment
		0x3002018:        0x3002000,
		0x3000018:        0x3000000,
		0x1_00000028:     0x1_00000000,
		0x3002028:        0x3002028, // 16 bytes behind the header: a record that began on the page before ends here
		0x3002020:        0x3002020,
		0x3000030:        0x3000030,
		0x3002000:        0x3002000,
		0x30BBA20:        0x30BBA20,
		0:                0,
		0xFFFFFFFFFFFFF8: 0xFFFFFFFFFFFFF8,
	} {
		if got := replayable(position); got != want {
			t.Errorf("%#x is replayed at %#x and not at %#x", position, got, want)
		}
	}
}

func TestTheReplicaOfAnIdlePrimaryIsFresh(t *testing.T) {
	for _, at := range []LSN{0x3000028, 0x3002018} {
		s := usual
		s.MaxLag = 1
		r := track(t, s, auto("a", "b")...)
		r.isPrimary("a", 1, at)
		r.isReplica("b", 1, at&^0xff)
		r.pass(1000)
		r.readersAre(r.mark-1, ReadsReplica, "b")
		if s := r.of("b"); !s.HasLag || s.Lag != 0 || s.Fresh != r.mark {
			t.Errorf("%+v", s)
		}
	}
}
