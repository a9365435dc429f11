package adminapi

// Orders is what can be done to a pool, by POST /postgres/pools/<name>/<order>; `database` restricts it to one, `timeout` is how long the
// answer may take.
var Orders = []string{"pause", "resume", "reconnect", "drain", "kill", "disable", "enable"}

// Progress is how far an order has come. With status 504 it is not done in time; a pause is then taken back. With 409 it was ended by another
// order before it was done, and Error says so.
type Progress struct {
	Pool  string `json:"pool"`
	Order string `json:"order"`
	Done  bool   `json:"done"`
	// Left is the connections that are still waited for.
	Left  int    `json:"left"`
	Error string `json:"error,omitempty"`
}
