package poolhandler

import (
	"maps"
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// poolStatus is one pool in the admin API, over all its databases and users.
type poolStatus struct {
	Name string `json:"name"`
	figures
}

// poolDetail is one pool with what it consists of.
type poolDetail struct {
	poolStatus
	// Users is each (database, user) that has clients or servers.
	Users []userStatus `json:"users"`
	// Upstreams is the servers by the upstream's address.
	Upstreams map[string]int `json:"upstreams"`
}

// userStatus is one database and user of a pool.
type userStatus struct {
	Database string `json:"database"`
	User     string `json:"user"`
	figures
}

// figures is what is told of a pool and of each of its users.
type figures struct {
	// Size is the servers open; Available those of them that nobody uses; MaxSize what pool_size allows, for each
	// database and user that has clients or servers; Utilization (Size − Available) / MaxSize.
	Size        int     `json:"size"`
	Available   int     `json:"available"`
	MaxSize     int     `json:"max_size"`
	Utilization float64 `json:"utilization"`
	// Reserve is the servers open beyond pool_size; Recommended what pool_size should be.
	Reserve     int         `json:"reserve"`
	Recommended recommended `json:"recommended"`
	// Waiting is the clients that wait for a server, MaxWaitSeconds how long the first of them has.
	Waiting        int     `json:"waiting"`
	MaxWaitSeconds float64 `json:"max_wait_seconds"`
	// Clients and Servers are the connections by state.
	Clients clientStates `json:"clients"`
	Servers serverStates `json:"servers"`
	// Pinned is the clients that hold their server beyond a transaction, by reason.
	Pinned map[string]int `json:"pinned,omitempty"`
	// Listening is the clients that listen, beyond pool_mode session; absent while there are none.
	Listening *listeners `json:"listening,omitempty"`
	// The others count since the start.
	Queries        uint64 `json:"queries"`
	Transactions   uint64 `json:"transactions"`
	BytesReceived  uint64 `json:"bytes_received"`
	BytesSent      uint64 `json:"bytes_sent"`
	Connects       uint64 `json:"connects"`
	ConnectsFailed uint64 `json:"connects_failed"`
	WaitTimeouts   uint64 `json:"wait_timeouts"`
	Cancels        uint64 `json:"cancels"`
	ReserveDials   uint64 `json:"reserve_dials"`
	ChecksFailed   uint64 `json:"checks_failed"`
	Expired        uint64 `json:"servers_expired"`
	IdledOut       uint64 `json:"servers_idled_out"`
}

// listeners is what clients listen to: Channels is those of all clients of a database and user together, and Servers those that
// listen for them, which are not among the others.
type listeners struct {
	Clients  int `json:"clients"`
	Channels int `json:"channels"`
	Servers  int `json:"servers"`
}

// recommended is a pool's size by Little's law, with what it is computed from: see engine.Sizing. Of a pool it is the sum
// over its databases and users, each of which has servers of its own.
type recommended struct {
	Size              int     `json:"size"`
	BusyServers       float64 `json:"busy_servers"`
	ArrivalsPerSecond float64 `json:"arrivals_per_second"`
	ServiceSeconds    float64 `json:"service_seconds"`
	WindowSeconds     float64 `json:"window_seconds"`
}

func (r *recommended) add(s *engine.Sizing) {
	r.Size += s.Recommended
	r.BusyServers += s.BusyServers
	r.ArrivalsPerSecond += s.ArrivalsPerSecond
	r.WindowSeconds = max(r.WindowSeconds, s.Window.Seconds())
	if r.ServiceSeconds = s.ServiceSeconds; r.ArrivalsPerSecond > s.ArrivalsPerSecond {
		r.ServiceSeconds = r.BusyServers / r.ArrivalsPerSecond
	}
}

// clientStates is clients logged in: idle ones have no server and want none, active ones have one.
type clientStates struct {
	Total   int `json:"total"`
	Idle    int `json:"idle"`
	Active  int `json:"active"`
	Waiting int `json:"waiting"`
}

// serverStates is servers open, and those being connected, which are not open yet.
type serverStates struct {
	Idle          int `json:"idle"`
	Active        int `json:"active"`
	Checking      int `json:"checking"`
	Resetting     int `json:"resetting"`
	BeingCanceled int `json:"being_canceled"`
	Draining      int `json:"draining"`
	Connecting    int `json:"connecting"`
}

// add adds the figures of one (database, user).
func (f *figures) add(s *engine.PoolStats) {
	f.Size += sizeOf(s)
	f.Available += s.ServersIdle
	f.MaxSize += s.MaxSize
	f.Reserve += s.Reserve
	f.Recommended.add(&s.Sizing)
	f.Waiting += s.ClientsWaiting
	f.MaxWaitSeconds = max(f.MaxWaitSeconds, s.MaxWait.Seconds())
	f.Clients.Idle += s.ClientsIdle
	f.Clients.Active += s.ClientsActive
	f.Clients.Waiting += s.ClientsWaiting
	f.Clients.Total += s.ClientsIdle + s.ClientsActive + s.ClientsWaiting
	f.Servers.Idle += s.ServersIdle
	f.Servers.Active += s.ServersActive
	f.Servers.Checking += s.ServersChecking
	f.Servers.Draining += s.ServersDraining
	f.Servers.Resetting += s.ServersResetting
	f.Servers.BeingCanceled += s.ServersBeingCanceled
	f.Servers.Connecting += s.ServersConnecting
	for reason, n := range s.Pinned {
		if f.Pinned == nil {
			f.Pinned = make(map[string]int)
		}
		f.Pinned[reason] += n
	}
	if s.ClientsListening+s.Channels+s.Listeners > 0 {
		if f.Listening == nil {
			f.Listening = &listeners{}
		}
		f.Listening.Clients += s.ClientsListening
		f.Listening.Channels += s.Channels
		f.Listening.Servers += s.Listeners
	}
	f.count(&s.Counts)
	f.Utilization = utilization(f.Size, f.Available, f.MaxSize)
}

// count adds what has been counted.
func (f *figures) count(s *engine.Counts) {
	f.Queries += s.Queries
	f.Transactions += s.Transactions
	f.BytesReceived += s.BytesReceived
	f.BytesSent += s.BytesSent
	f.Connects += s.Connects
	f.ConnectsFailed += s.ConnectsFailed
	f.WaitTimeouts += s.WaitTimeouts
	f.Cancels += s.Cancels
	f.ReserveDials += s.ReserveDials
	f.ChecksFailed += s.ChecksFailed
	f.Expired += s.ServersExpired
	f.IdledOut += s.ServersIdledOut
}

// sizeOf is the servers open.
func sizeOf(s *engine.PoolStats) int {
	return s.ServersIdle + s.ServersActive + s.ServersChecking + s.ServersResetting + s.ServersBeingCanceled + s.ServersDraining
}

func utilization(size, available, maxSize int) float64 {
	if maxSize <= 0 {
		return 0
	}
	return float64(size-available) / float64(maxSize)
}

// details is every pool that is configured or still drains, sorted by name. A pool that nobody has used yet has the
// size that its first user may have.
func details(c *engine.Config, s engine.Snapshot) []*poolDetail {
	found := make(map[string]*poolDetail)
	get := func(name string) *poolDetail {
		if found[name] == nil {
			found[name] = &poolDetail{
				poolStatus: poolStatus{Name: name}, Users: []userStatus{}, Upstreams: map[string]int{},
			}
		}
		return found[name]
	}
	for i := range s.Pools {
		get(s.Pools[i].Pool).add(&s.Pools[i])
	}
	if c != nil {
		for i := range c.Pools {
			get(c.Pools[i].Name).configured(&c.Pools[i])
		}
	}
	for name, counts := range s.Forgotten {
		if found[name] != nil {
			found[name].count(counts)
		}
	}
	out := make([]*poolDetail, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[name])
	}
	return out
}

func (d *poolDetail) add(s *engine.PoolStats) {
	d.figures.add(s)
	u := userStatus{Database: s.Database, User: s.User}
	u.figures.add(s)
	d.Users = append(d.Users, u)
	for address, n := range s.Upstreams {
		d.Upstreams[address] += n
	}
}

// configured adds what is known of a pool without its being used.
func (d *poolDetail) configured(c *engine.PoolConfig) {
	if len(d.Users) == 0 {
		d.MaxSize = c.PoolSize
	}
	for _, u := range c.Upstreams {
		d.Upstreams[u.Address] += 0
	}
}
