// Package adminapi is what Caddy's admin endpoint answers under /postgres/: the types of its JSON, which package poolhandler fills and
// package command reads. A field that is not known is absent where its comment says so; all others are always there. Durations are
// seconds, sizes bytes.
//
//	pool.go      Pool, PoolDetail: GET /postgres/pools, /postgres/pools/<name>
//	figures.go   Figures: what is told of a pool, and of each of its users
//	pages.go     DefaultLimit, MaxLimit: how lists are cut into pages
//	upstream.go  Upstream: GET /postgres/upstreams
//	cache.go     Cache, Purged: GET and DELETE /postgres/cache
//	client.go    Client, Closed: GET /postgres/clients, DELETE /postgres/clients/<id>
//	server.go    Server: GET /postgres/servers
//	query.go     Query: GET /postgres/queries
//	order.go     Progress: POST /postgres/pools/<name>/<order>
package adminapi
