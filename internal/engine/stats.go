package engine

import (
	"math/bits"

	"github.com/pgmux/caddy-pgmux/internal/session"
)

// Counts is what is counted of a pool since the start.
type Counts struct {
	Queries, Transactions    uint64
	Prepares                 Prepares
	Kinds                    Kinds  // Queries by route and kind
	BytesReceived, BytesSent uint64 // from and to clients
	Connects, ConnectsFailed uint64 // to servers
	WaitTimeouts, Cancels    uint64
	// ReserveDials are the servers dialed beyond pool_size; ChecksFailed those that failed server_check_query;
	// ServersExpired those closed because of server_lifetime, ServersIdledOut because of server_idle_timeout.
	ReserveDials, ChecksFailed, ServersExpired, ServersIdledOut uint64
	// Acquire is how long queries waited for a server, Query how long they took.
	Acquire, Query                 Histogram
	AcquireSumNanos, QuerySumNanos uint64
	// Reasons counts what was asked for by why it went where it went.
	Reasons [Reasons]uint64
	// Refused counts the errors that clients were told by the pooler, by SQLSTATE; Left the clients that left, by reason.
	Refused, Left map[string]uint64
	// PinnedTotal counts pins, by reason.
	PinnedTotal map[string]uint64
}

// Prepares is how often prepared statements were made and used.
type Prepares = session.Prepares

// Histogram counts durations: bucket i those below 2^i microseconds (and not below 2^(i-1)), the last all others.
type Histogram [HistogramBuckets]uint64

// HistogramBuckets is up to 2^26 µs, about a minute.
const HistogramBuckets = 28

// Add adds what other has counted.
func (t *Counts) Add(other *Counts) {
	t.Queries += other.Queries
	t.Kinds.add(&other.Kinds)
	t.Transactions += other.Transactions
	t.Prepares.Add(other.Prepares)
	t.BytesReceived += other.BytesReceived
	t.BytesSent += other.BytesSent
	t.Connects += other.Connects
	t.ConnectsFailed += other.ConnectsFailed
	t.WaitTimeouts += other.WaitTimeouts
	t.Cancels += other.Cancels
	t.ReserveDials += other.ReserveDials
	t.ChecksFailed += other.ChecksFailed
	t.ServersExpired += other.ServersExpired
	t.ServersIdledOut += other.ServersIdledOut
	for i := range t.Reasons {
		t.Reasons[i] += other.Reasons[i]
	}
	for i := range t.Acquire {
		t.Acquire[i] += other.Acquire[i]
		t.Query[i] += other.Query[i]
	}
	t.AcquireSumNanos += other.AcquireSumNanos
	t.QuerySumNanos += other.QuerySumNanos
	addIn(&t.Refused, other.Refused)
	addIn(&t.Left, other.Left)
	for reason, n := range other.PinnedTotal {
		t.pinned(reason, n)
	}
}

func (t *Counts) pinned(reason string, n uint64) {
	if t.PinnedTotal == nil {
		t.PinnedTotal = map[string]uint64{}
	}
	t.PinnedTotal[reason] += n
}

func (t *Counts) acquireTime(d int64) {
	t.Acquire[bucket(d)]++
	t.AcquireSumNanos += uint64(d)
}

func (t *Counts) queryTime(d int64) {
	t.Query[bucket(d)]++
	t.QuerySumNanos += uint64(d)
}

// bucket is the bucket of a duration in nanoseconds.
func bucket(d int64) int { return min(bits.Len64(uint64(max(d, 0))/1000), HistogramBuckets-1) }

// retire keeps the counts of a server that goes.
func (t *Counts) retire(srv *server) {
	t.Queries += srv.Queries
	t.Transactions += srv.Transactions
	t.Kinds.count(srv)
	srv.Queries, srv.Transactions, srv.Server.Kinds = 0, 0, [session.QueryKinds]uint64{}
}
