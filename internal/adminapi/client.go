package adminapi

// What a client is doing, as its state says.
const (
	ClientIdle      = "idle"    // it has no server and wants none
	ClientActive    = "active"  // it has a server
	ClientWaiting   = "waiting" // it wants a server
	ClientLoggingIn = "logging_in"
	ClientClosing   = "closing"
)

// ClientStateNames is all of them.
var ClientStateNames = []string{ClientIdle, ClientActive, ClientWaiting, ClientLoggingIn, ClientClosing}

// ClientParameters is what GET /postgres/clients can be asked by: only those of a pool, a database, …; `after` an ID, at most `limit`.
var ClientParameters = []string{"pool", "database", "user", "application_name", "address", "state", "upstream", "after", "limit"}

// Client is one client, which has logged in or is about to. Clients are listed by their ID.
type Client struct {
	// ID names it in this process as long as it is connected, in decimal digits; some day it may be another's.
	ID       string `json:"id"`
	Pool     string `json:"pool"`
	Database string `json:"database"`
	// User is whose servers it gets, Login as whom it has logged in.
	User            string `json:"user"`
	Login           string `json:"login"`
	ApplicationName string `json:"application_name"`
	Address         string `json:"address"`
	// State is idle, active, waiting, logging_in or closing, SinceSeconds for how long; AgeSeconds counts from its login.
	State        string  `json:"state"`
	SinceSeconds float64 `json:"since_seconds"`
	AgeSeconds   float64 `json:"age_seconds"`
	// Server is the ID of the server that it has, ServerPID that server's process at Upstream; absent where it has none.
	Server    string `json:"server,omitempty"`
	ServerPID uint32 `json:"server_pid,omitempty"`
	Upstream  string `json:"upstream,omitempty"`
	// PID is the process ID that the client was told.
	PID uint32 `json:"pid"`
	// Prepared is the statements that it has prepared.
	Prepared int  `json:"prepared"`
	TLS      bool `json:"tls"`
	// Pinned is why it keeps its server beyond a transaction; absent where it does not.
	Pinned []string `json:"pinned,omitempty"`
	// Listening is the channels that it listens to.
	Listening int    `json:"listening"`
	Queries   uint64 `json:"queries"`
	// Why it waits, or what it has asked last went as it did; absent where it has asked nothing yet.
	Why string `json:"why,omitempty"`
}

// Closed is the answer to DELETE /postgres/clients/<id>.
type Closed struct {
	Closed bool `json:"closed"`
}
