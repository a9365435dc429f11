package adminapi

// Figures is what is told of a pool and of each of its users.
type Figures struct {
	// Size is the servers open; Available those of them that nobody uses; MaxSize what pool_size allows, for each
	// database and user that has clients or servers; Utilization (Size − Available) / MaxSize.
	Size        int     `json:"size"`
	Available   int     `json:"available"`
	MaxSize     int     `json:"max_size"`
	Utilization float64 `json:"utilization"`
	// Reserve is the servers open beyond pool_size; Recommended what pool_size should be.
	Reserve     int         `json:"reserve"`
	Recommended Recommended `json:"recommended"`
	// Waiting is the clients that wait for a server, MaxWaitSeconds how long the first of them has.
	Waiting        int     `json:"waiting"`
	MaxWaitSeconds float64 `json:"max_wait_seconds"`
	// Clients and Servers are the connections by state.
	Clients ClientStates `json:"clients"`
	Servers ServerStates `json:"servers"`
	// Pinned is the clients that hold their server beyond a transaction, by reason.
	Pinned map[string]int `json:"pinned,omitempty"`
	// Listening is the clients that listen, beyond pool_mode session; absent while there are none.
	Listening *Listeners `json:"listening,omitempty"`
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

// Listeners is what clients listen to: Channels is those of all clients of a database and user together, and Servers those that
// listen for them, which are not among the others.
type Listeners struct {
	Clients  int `json:"clients"`
	Channels int `json:"channels"`
	Servers  int `json:"servers"`
}

// Recommended is a pool's size by Little's law, with what it is computed from: see engine.Sizing. Of a pool it is the sum
// over its databases and users, each of which has servers of its own.
type Recommended struct {
	Size              int     `json:"size"`
	BusyServers       float64 `json:"busy_servers"`
	ArrivalsPerSecond float64 `json:"arrivals_per_second"`
	ServiceSeconds    float64 `json:"service_seconds"`
	WindowSeconds     float64 `json:"window_seconds"`
}

// ClientStates is clients logged in: idle ones have no server and want none, active ones have one.
type ClientStates struct {
	Total   int `json:"total"`
	Idle    int `json:"idle"`
	Active  int `json:"active"`
	Waiting int `json:"waiting"`
}

// ServerStates is servers open, and those being connected, which are not open yet.
type ServerStates struct {
	Idle          int `json:"idle"`
	Active        int `json:"active"`
	Checking      int `json:"checking"`
	Resetting     int `json:"resetting"`
	BeingCanceled int `json:"being_canceled"`
	Draining      int `json:"draining"`
	Connecting    int `json:"connecting"`
}
