package adminapi

// How many rows of clients and servers are in an answer, unless `limit` says more or fewer, and at most. The next page is in the header
// `Link: <…>; rel="next"`, which is absent on the last.
const (
	DefaultLimit = 100
	MaxLimit     = 10000
)
