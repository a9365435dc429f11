package report

import (
	"fmt"
	"io"
)

// Memory is what a pooler uses, in bytes.
type Memory struct {
	// Resident is the memory of the process, garbage not yet given back to the system included.
	Resident int64
	// Heap is Go's live heap after a collection; 0 where there is no such thing.
	Heap int64
}

// IdleRow is the memory of one pooler: without the clients, with all of them logged in, and after each has sent one
// query.
type IdleRow struct {
	Contender string
	Clients   int

	Base, LoggedIn, Queried Memory
}

// Idle writes the table of idle clients.
func Idle(w io.Writer, rows []IdleRow) error {
	lines := [][]string{
		{"pooler", "idle clients", "RSS/client, logged in", "after a query", "Go heap/client, logged in", "after a query",
			"RSS before", "after"},
		{"---", "---", "---", "---", "---", "---", "---", "---"},
	}
	for _, r := range rows {
		lines = append(lines, []string{
			r.Contender, thousands(int64(r.Clients)),
			r.each(r.LoggedIn.Resident - r.Base.Resident), r.each(r.Queried.Resident - r.Base.Resident),
			r.heap(r.LoggedIn), r.heap(r.Queried),
			mebibytes(r.Base.Resident), mebibytes(r.Queried.Resident),
		})
	}
	return writeAligned(w, lines)
}

// each is one client's share.
func (r IdleRow) each(growth int64) string {
	return thousands(max(growth, 0)/int64(max(r.Clients, 1))) + " B"
}

func (r IdleRow) heap(now Memory) string {
	if now.Heap == 0 {
		return "–"
	}
	return r.each(now.Heap - r.Base.Heap)
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
