package engine

import "github.com/pgmux/caddy-pgmux/internal/session"

// Route is where queries were sent.
type Route uint8

// The routes: to the primary, or whatever takes all transactions; to a replica, apart from writes; to one of several that share
// all transactions; to nobody: from the query cache.
const (
	RoutePrimary Route = iota
	RouteReplica
	RouteBalanced
	RouteCache
	Routes // how many there are
)

var routeNames = [Routes]string{"primary", "replica", "balanced", "cache"}

// String is the route as metrics have it.
func (r Route) String() string { return routeNames[r] }

// Kinds counts queries by route and kind.
type Kinds [Routes][session.QueryKinds]uint64

func (k *Kinds) add(other *Kinds) {
	for route := range k {
		for kind := range k[route] {
			k[route][kind] += other[route][kind]
		}
	}
}

// count adds what a server has answered.
func (k *Kinds) count(srv *server) {
	route := &k[srv.route()]
	for kind, n := range srv.Server.Kinds {
		route[kind] += n
	}
}

func (srv *server) route() Route {
	switch {
	case srv.pool.root == nil:
		return RoutePrimary
	case srv.readsOnly():
		return RouteReplica
	}
	return RouteBalanced
}
