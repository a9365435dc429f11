package changes

import (
	"math"
	"testing"
)

func TestWhoIsUnderWay(t *testing.T) {
	s, err := parseSnapshot("100:105:100,103")
	if err != nil {
		t.Fatal(err)
	}
	for xid, underWay := range map[uint64]bool{99: false, 100: true, 101: false, 103: true, 104: false, 105: true, 1000: true} {
		if s.underWay(xid) != underWay {
			t.Errorf("%d: got %v, want %v", xid, !underWay, underWay)
		}
	}
	for _, bad := range []string{"", "1:2", "1:x:", "1:2:x", "1:2:3:4"} {
		if _, err := parseSnapshot(bad); err == nil {
			t.Errorf("%q is a snapshot", bad)
		}
	}
}

// The stream tells the lower half of a number of which a snapshot has both.
func TestATransactionIsTheOneNearest(t *testing.T) {
	const epoch = 1 << 32
	for _, c := range []struct {
		end  uint64
		xid  uint32
		want uint64
	}{
		{105, 104, 104},
		{105, 110, 110},
		{5*epoch + 3, math.MaxUint32, 5*epoch - 1},
		{5*epoch - 3, 3, 5*epoch + 3},
		{5*epoch + 105, 104, 5*epoch + 104},
	} {
		if got := (&snapshot{end: c.end}).widen(c.xid); got != c.want {
			t.Errorf("%d near %d: got %d, want %d", c.xid, c.end, got, c.want)
		}
	}
}

func TestPositions(t *testing.T) {
	if lsn, err := parseLSN("16/B374D848"); err != nil || lsn != 0x16B374D848 {
		t.Errorf("got %X, %v", lsn, err)
	}
	for _, bad := range []string{"", "16", "16/", "/16", "x/1", "1/x", "100000000/0"} {
		if lsn, err := parseLSN(bad); err == nil {
			t.Errorf("%q is position %X", bad, lsn)
		}
	}
	if endsRecord(0x16B3740000) || endsRecord(0x16B3740400) || !endsRecord(0x16B374D848) {
		t.Error("the end of a page is not told from the end of a record")
	}
}
