package prober

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/routing"
)

// The header of a page is no record: who has replayed up to the page's start has replayed everything before it.
func TestEndOfRecord(t *testing.T) {
	for _, c := range []struct{ position, page, want uint64 }{
		{0x3000028, 8192, 0x3000000}, // the first page of a file
		{0x3002018, 8192, 0x3002000}, // another
		{0x3000000, 8192, 0x3000000},
		{0x3000040, 8192, 0x3000040}, // behind the smallest record
		{0x3002018, 32768, 0x3002018},
		{0x3008018, 32768, 0x3008000},
		{0x3000028, 0, 0x3000028}, // the size is not known
	} {
		if got := endOfRecord(routing.LSN(c.position), c.page); got != routing.LSN(c.want) {
			t.Errorf("%X with pages of %d: got %X, want %X", c.position, c.page, uint64(got), c.want)
		}
	}
}

func TestReportsFromAnswers(t *testing.T) {
	primary := values{recovery: "f", written: "1/A0", flushed: "1/90", writing: "0000000B", cluster: "-5", block: "8192"}
	got, err := primary.report(7)
	want := routing.Report{Position: 1<<32 + 0xA0, Flushed: 1<<32 + 0x90, Timeline: 11, System: 1<<64 - 5, Mark: 7}
	if got != want || err != nil {
		t.Errorf("a primary: %+v, %v", got, err)
	}
	replica := values{recovery: "t", replayed: "FFFFFFFF/28", received: "3", writing: "ignored"}
	got, err = replica.report(7)
	want = routing.Report{InRecovery: true, Position: 0xFFFFFFFF_00000028, Timeline: 3}
	if got != want || err != nil {
		t.Errorf("a replica: %+v, %v", got, err)
	}
	for _, wrong := range []values{{recovery: "f", written: "nonsense"}, {recovery: "f", writing: "XYZ"}, {recovery: "t", replayed: "1/G"}} {
		if r, err := wrong.report(1); err == nil {
			t.Errorf("%q is read as %+v", wrong, r)
		}
	}
}
