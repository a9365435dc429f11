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

// Settings are compared with none, of the same pooler, on as many servers.
func TestTheTableOfSettings(t *testing.T) {
	sample := func(who, mode string, servers, us int) Sample {
		return Sample{Contender: who, Mode: mode, Clients: 64, Servers: servers, CPU: time.Duration(us) * time.Microsecond, Extra: 0.0004}
	}
	var b strings.Builder
	rows := Rows([]Sample{sample("pgbouncer", "two", 20, 60), sample("pgmux", Plain, 20, 10), sample("pgmux", "two", 20, 15), sample("pgmux", "two", 1, 15)})
	if err := Settings(&b, rows); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for i, want := range map[int]string{
		4: "two | pgmux | < 0.001 | 15.00 µs | 1.50 | 5.00 µs | 0.25",
		5: "two | pgmux | < 0.001 | 15.00 µs | – | – | –",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %q", n, got)
		}
	}
}

// A cache is compared with PgBouncer, and with ourselves without one, in the same mode.
func TestTheTableOfTheCache(t *testing.T) {
	sample := func(who string, us int, perSecond, atServer float64) Sample {
		return Sample{Contender: who, Mode: "simple", Clients: 64, CPU: time.Duration(us) * time.Microsecond, PerSecond: perSecond, AtServer: atServer}
	}
	var b strings.Builder
	rows := Rows([]Sample{sample("pgbouncer", 40, 1000, 1), sample("pgmux", 20, 2000, 1), sample("pgmux-cache", 5, 8000, 0.0001)})
	if err := Cache(&b, rows); err != nil {
		t.Fatal(err)
	}
	line := strings.Join(strings.Fields(strings.Split(b.String(), "\n")[4]), " ")
	if !strings.HasPrefix(line, "| 64 | simple | pgmux-cache | < 0.001 | 5.00 µs | 0.12 | 0.25 | 8,000 | 8.00 | 4.00 |") {
		t.Errorf("row %q", line)
	}
}

// Pairs are told by the median of their ratios, each mode in its row.
func TestTheTableOfPairs(t *testing.T) {
	pair := func(mode string, first, second int) Pair {
		sample := func(who string, us int) Sample {
			return Sample{Contender: who, Mode: mode, Clients: 64, CPU: time.Duration(us) * time.Microsecond, AtServer: 1}
		}
		return Pair{sample("pgmux", first), sample("pgmux-cache", second)}
	}
	var b strings.Builder
	if err := Pairs(&b, []Pair{pair("unique", 10, 11), pair("simple", 10, 5), pair("unique", 40, 40), pair("unique", 10, 12)}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for i, want := range map[int]string{
		2: "| 64 | unique | pgmux | pgmux-cache | 3 | 10.00 µs | 12.00 µs | 1.100 | 1.000 – 1.100 | 1.000 |",
		3: "| 64 | simple | pgmux | pgmux-cache | 1 | 10.00 µs | 5.00 µs | 0.500 | 0.500 – 0.500 | 1.000 |",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
