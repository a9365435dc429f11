package report

import (
	"strings"
	"testing"
	"time"
)

func TestRowsAreMediansAndRatiosWithinTheirKind(t *testing.T) {
	var samples []Sample
	for _, us := range []int{30, 10, 20} {
		cpu := time.Duration(us) * time.Microsecond
		samples = append(samples,
			Sample{Contender: "pgbouncer", Mode: "simple", Clients: 64, CPU: cpu, PerSecond: 1000},
			Sample{Contender: "pgmux", Mode: "simple", Clients: 64, CPU: cpu / 2, PerSecond: 2000},
			Sample{Contender: "pgbouncer", Mode: "simple", Clients: 1000, CPU: 3 * cpu, PerSecond: 1000})
	}
	rows := Rows(samples)
	if len(rows) != 3 || rows[0].CPU != 20*time.Microsecond || rows[0].Runs != 3 {
		t.Fatalf("rows %+v", rows)
	}
	var b strings.Builder
	if err := Markdown(&b, rows); err != nil {
		t.Fatal(err)
	}
	line := strings.Split(b.String(), "\n")[3]
	if cells := strings.Fields(line); cells[5] != "pgmux" || cells[7] != "10.00" || cells[10] != "0.50" {
		t.Fatalf("row %q", line)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %q", n, got)
		}
	}
}
