package adminapi

// ServerParameters is what GET /postgres/servers can be asked by: only those of a pool, a database, …; `after` an ID, at most `limit`.
var ServerParameters = []string{"pool", "database", "user", "application_name", "state", "upstream", "after", "limit"}

// ServerStateNames is what a server can be doing, as its state says.
var ServerStateNames = []string{"idle", "active", "checking", "resetting", "being_canceled", "draining", "listening"}

// Server is one connection to Postgres. Servers are listed by their ID.
type Server struct {
	// ID names it in this process, in decimal digits; it is never used again.
	ID       string `json:"id"`
	Pool     string `json:"pool"`
	Database string `json:"database"`
	User     string `json:"user"`
	Upstream string `json:"upstream"`
	// State is idle, active, checking, resetting, being_canceled, draining or listening, SinceSeconds for how long; AgeSeconds counts from
	// its login.
	State        string  `json:"state"`
	PID          uint32  `json:"pid"`
	SinceSeconds float64 `json:"since_seconds"`
	AgeSeconds   float64 `json:"age_seconds"`
	// Client is the ID of the client that has it, and ApplicationName what that calls itself; absent where nobody has it.
	Client          string `json:"client,omitempty"`
	ApplicationName string `json:"application_name,omitempty"`
	// Pinned is why its client keeps it beyond a transaction; absent where it does not.
	Pinned []string `json:"pinned,omitempty"`
	// Prepared is the statements that are prepared on it.
	Prepared     int    `json:"prepared"`
	TLS          bool   `json:"tls"`
	Queries      uint64 `json:"queries"`
	Transactions uint64 `json:"transactions"`
}
