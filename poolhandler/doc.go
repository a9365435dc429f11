// Package poolhandler is Caddy's side: the app `postgres`, the layer4 handler `postgres_pool`, the HTTP handler
// `postgres_dashboard`, the admin API and the metrics, around one engine.
//
// # What lives how long
//
//	process        engine, event loops, host, metrics         first Start ─────────────────▶ exit
//	plan           sizes, timeouts, credentials of one        Start ──▶ the next plan's Start
//	               configuration, everything resolved
//	App, Handler   Caddy's modules                            Provision ──▶ Cleanup
//
// Modules come and go with every reload; connections do not. So a module holds nothing that a connection needs:
// the handler finds its pool by name in the process's current plan at the moment a client comes, which also keeps
// listeners of a failed reload working. Plans form a stack ([process]): Start pushes, Stop removes, and what
// is on top is what the engine is told. That covers the reload that succeeds (new Start, old Stop), the one that
// fails half-way (new Start, new Stop) and the app's removal with one rule.
package poolhandler
