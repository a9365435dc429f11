// Package report makes tables of what was measured.
package report

import (
	"cmp"
	"slices"
	"time"
)

// Sample is one run of one contender.
type Sample struct {
	Contender, Mode string
	Clients         int
	// Servers is the pool size, where that is not the same for all.
	Servers int

	// PerSecond is queries per second.
	PerSecond float64
	// P50, P99 and P999 are quantiles of the time from a client's write to the end of a reply.
	P50, P99, P999 time.Duration
	// CPU is what the pooler's process used per query, LoadCPU what the generator and the backend used together.
	CPU, LoadCPU time.Duration
	// PoolerBusy and LoadBusy are shares of one CPU.
	PoolerBusy, LoadBusy float64
	// Resident is the pooler's memory under load, in bytes.
	Resident int64
	// Syscalls is the pooler's system calls per query, Enters those of io_uring_enter; negative if not known.
	Syscalls, Enters float64
	// ServerLogins is how often the pooler logged in to the server in the window.
	ServerLogins uint64
	// Own is the pooler's own queries to servers, Extra the same per query of clients.
	Own   uint64
	Extra float64
	// AtServer is queries at the server per query of clients: 1 where nothing is cached.
	AtServer float64
}

// Row is what the samples of one contender in one mode at one number of clients come to: each figure is the median of
// that figure.
type Row struct {
	Sample
	Runs int
}

// key is what samples of a row have in common.
type key struct {
	contender, mode  string
	clients, servers int
}

// Rows sums samples up, in the order in which their kinds first appear.
func Rows(samples []Sample) []Row {
	var order []key
	byKey := map[key][]Sample{}
	for _, s := range samples {
		k := key{s.Contender, s.Mode, s.Clients, s.Servers}
		if byKey[k] == nil {
			order = append(order, k)
		}
		byKey[k] = append(byKey[k], s)
	}
	var rows []Row
	for _, k := range order {
		rows = append(rows, sumUp(byKey[k]))
	}
	return rows
}

func sumUp(samples []Sample) Row {
	r := Row{Sample: samples[0], Runs: len(samples)}
	r.PerSecond = median(samples, func(s Sample) float64 { return s.PerSecond })
	r.P50 = median(samples, func(s Sample) time.Duration { return s.P50 })
	r.P99 = median(samples, func(s Sample) time.Duration { return s.P99 })
	r.P999 = median(samples, func(s Sample) time.Duration { return s.P999 })
	r.CPU = median(samples, func(s Sample) time.Duration { return s.CPU })
	r.LoadCPU = median(samples, func(s Sample) time.Duration { return s.LoadCPU })
	r.PoolerBusy = median(samples, func(s Sample) float64 { return s.PoolerBusy })
	r.LoadBusy = median(samples, func(s Sample) float64 { return s.LoadBusy })
	r.Resident = median(samples, func(s Sample) int64 { return s.Resident })
	r.Syscalls = median(samples, func(s Sample) float64 { return s.Syscalls })
	r.Enters = median(samples, func(s Sample) float64 { return s.Enters })
	r.ServerLogins = median(samples, func(s Sample) uint64 { return s.ServerLogins })
	r.Extra = median(samples, func(s Sample) float64 { return s.Extra })
	r.AtServer = median(samples, func(s Sample) float64 { return s.AtServer })
	return r
}

// median is the middle one; of an even number, the lower.
func median[T cmp.Ordered](samples []Sample, of func(Sample) T) T {
	var all []T
	for _, s := range samples {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}
