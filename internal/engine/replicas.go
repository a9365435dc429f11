package engine

import "slices"

// To its client, a session is one with the primary, whoever answers its reads. What Postgres reports of the server and not of the
// session (in_hot_standby, server_version) is therefore the primary's, as far as that is known: or a client would be told with
// every read, and after it, what its session is not.

// ofServer is what a server reports that no session changes.
var ofServer = []string{"in_hot_standby", "server_version", "server_encoding", "integer_datetimes"}

func isOfServer(name string) bool { return slices.Contains(ofServer, name) }

// readsOnly reports whether a server is of a branch of a pool whose writes go elsewhere.
func (srv *server) readsOnly() bool {
	return srv.pool.root != nil && srv.pool.config().Split
}

// standsIn makes what a new server reports of itself the primary's.
func (srv *server) standsIn() {
	if !srv.readsOnly() {
		return
	}
	g := &srv.pool.top().shared.greetings
	params := slices.Clone(srv.params)
	for i, q := range params {
		if !isOfServer(q.Name) {
			continue
		}
		if v, ok := g.begin(q.Name); ok {
			params[i].Value = v
		} else if q.Name == "in_hot_standby" {
			params[i].Value = "off"
		}
	}
	srv.params = params
}
