package adminapi

// QuerySorts is by what GET /postgres/queries can be sorted, each with the most first: the first is the default.
var QuerySorts = []string{"total", "calls", "mean", "p99", "rows"}

// Query is the queries of one normal form of one pool, counted since the pool was declared.
type Query struct {
	Pool string `json:"pool"`
	// Query is the normal form, without literals; "(other)" is all queries of the pool that are not listed by themselves.
	Query string `json:"query"`
	// Fingerprint is of Query, in 16 hexadecimal digits, another whenever the process begins anew; 0000000000000000: of "(other)".
	Fingerprint string `json:"fingerprint"`
	// Kind is the kind of statement, as the metric queries_total has it.
	Kind string `json:"kind"`
	// Calls is how often they were run: CacheHits of them were answered without a server, Errors failed. Rows is what servers returned or changed.
	Calls     uint64 `json:"calls"`
	Rows      uint64 `json:"rows"`
	Errors    uint64 `json:"errors"`
	CacheHits uint64 `json:"cache_hits"`
	// Why is how many calls went where they went for each reason, as the metric routed_total has it.
	Why map[string]uint64 `json:"why"`
	// The times are of servers, so those of hits are not among them: of all calls together, of one on the average, of all but the slowest in a
	// hundred, and of the slowest.
	TotalSeconds float64 `json:"total_seconds"`
	MeanSeconds  float64 `json:"mean_seconds"`
	P99Seconds   float64 `json:"p99_seconds"`
	MaxSeconds   float64 `json:"max_seconds"`
}
