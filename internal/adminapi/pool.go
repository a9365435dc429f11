package adminapi

// What a pool is doing, as its status says.
const (
	StatusActive   = "active"
	StatusPausing  = "pausing" // servers close as they become free
	StatusPaused   = "paused"  // no server is left; who wants one waits
	StatusDraining = "draining"
	StatusDisabled = "disabled"
)

// Pool is one pool, over all its databases and users.
type Pool struct {
	Name string `json:"name"`
	// Status is active, pausing, paused, draining or disabled.
	Status string `json:"status"`
	Figures
}

// PoolDetail is one pool with what it consists of.
type PoolDetail struct {
	Pool
	// Users is each (database, user) that has clients or servers.
	Users []User `json:"users"`
	// Upstreams is the servers by the upstream's address.
	Upstreams map[string]int `json:"upstreams"`
}

// User is one database and user of a pool.
type User struct {
	Database string `json:"database"`
	User     string `json:"user"`
	Figures
}
