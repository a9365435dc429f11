package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// column is one column of the tables.
type column struct {
	title string
	cell  func(r Row, all []Row) string
}

// The first figure is the one to look at: what a query costs.
var columns = []column{
	{"clients", func(r Row, _ []Row) string { return fmt.Sprint(r.Clients) }},
	{"mode", func(r Row, _ []Row) string { return r.Mode }},
	{"pooler", func(r Row, _ []Row) string { return r.Contender }},
	{"CPU/query", func(r Row, _ []Row) string { return micros(r.CPU) }},
	{"of pgbouncer", func(r Row, all []Row) string { return ratio(r, all, "pgbouncer") }},
	{"of relay", func(r Row, all []Row) string { return ratio(r, all, "relay") }},
	{"queries/s", func(r Row, _ []Row) string { return thousands(int64(r.PerSecond)) }},
	{"p50", func(r Row, _ []Row) string { return micros(r.P50) }},
	{"p99", func(r Row, _ []Row) string { return micros(r.P99) }},
	{"p99.9", func(r Row, _ []Row) string { return micros(r.P999) }},
	{"extra/query", func(r Row, _ []Row) string { return exactly(r.Extra) }},
	{"RSS", func(r Row, _ []Row) string { return mebibytes(r.Resident) }},
	{"syscalls/query", func(r Row, _ []Row) string { return orUnknown(r.Syscalls) }},
	{"enters/query", func(r Row, _ []Row) string { return orUnknown(r.Enters) }},
	{"pooler busy", func(r Row, _ []Row) string { return percent(r.PoolerBusy) }},
	{"load CPU/query", func(r Row, _ []Row) string { return micros(r.LoadCPU) }},
	{"load busy", func(r Row, _ []Row) string { return percent(r.LoadBusy) }},
}

// Markdown writes a table for people.
func Markdown(w io.Writer, rows []Row) error { return markdown(w, columns, rows) }

func markdown(w io.Writer, columns []column, rows []Row) error {
	lines := [][]string{nil, nil}
	for _, c := range columns {
		lines[0] = append(lines[0], c.title)
		lines[1] = append(lines[1], "---")
	}
	for _, r := range rows {
		lines = append(lines, cells(columns, r, rows))
	}
	return writeAligned(w, lines)
}

func cells(columns []column, r Row, rows []Row) (cells []string) {
	for _, c := range columns {
		cells = append(cells, c.cell(r, rows))
	}
	return cells
}

// writeAligned writes cells under each other.
func writeAligned(w io.Writer, lines [][]string) error {
	width := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for _, line := range lines {
		for i, cell := range line {
			fill := " "
			if cell == "---" {
				fill = "-"
			}
			line[i] = cell + strings.Repeat(fill, width[i]-len([]rune(cell)))
		}
		if _, err := fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | ")); err != nil {
			return err
		}
	}
	return nil
}

// TSV writes every sample for programs: durations in nanoseconds, memory in bytes.
func TSV(w io.Writer, samples []Sample) error {
	_, err := fmt.Fprintln(w, "clients\tmode\tpooler\tcpu_ns\tqueries_per_s\tp50_ns\tp99_ns\tp999_ns\trss_bytes\t"+
		"syscalls_per_query\tenters_per_query\tpooler_busy\tload_cpu_ns\tload_busy\textra_per_query")
	for _, s := range samples {
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%.0f\t%d\t%d\t%d\t%d\t%.3f\t%.3f\t%.3f\t%d\t%.3f\t%.6f\n", s.Clients, s.Mode, s.Contender,
			s.CPU, s.PerSecond, s.P50, s.P99, s.P999, s.Resident, s.Syscalls, s.Enters, s.PoolerBusy, s.LoadCPU, s.LoadBusy, s.Extra)
	}
	return err
}

// ratio is the CPU per query as a share of another contender's in the same mode with as many clients.
func ratio(r Row, all []Row, other string) string {
	for _, o := range all {
		if o.Contender == other && o.Mode == r.Mode && o.Clients == r.Clients && o.Servers == r.Servers && o.CPU > 0 {
			return fmt.Sprintf("%.2f", float64(r.CPU)/float64(o.CPU))
		}
	}
	return "–"
}

func micros(d time.Duration) string {
	us := float64(d) / float64(time.Microsecond)
	if us >= 100 {
		return thousands(int64(us)) + " µs"
	}
	return fmt.Sprintf("%.2f µs", us)
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

func orUnknown(n float64) string {
	if n < 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", n)
}

// exactly writes a number of which it matters whether it is 0.
func exactly(n float64) string {
	if n > 0 && n < 0.001 {
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", n)
}

// thousands writes a number in groups of three digits.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
