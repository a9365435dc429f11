// Package command is `caddy postgres`: what an operator does with the pools of a running Caddy from the command line, over its admin
// endpoint.
//
//	caddy postgres status|top                       what is going on
//	caddy postgres clients|servers|queries|upstreams|cache
//	caddy postgres pause|resume|reconnect|drain|kill|disable|enable <pool>
//	caddy postgres disconnect <client>, purge
//
// It knows nothing of pools but what the admin API answers, by the types of package adminapi, so it also speaks to a Caddy elsewhere.
// Three layers:
//
//	client.go, pages.go        ask the endpoint
//	table.go, render.go        turn answers into lines, as pure functions of the answer and the width
//	live.go, terminal.go       put lines on a terminal
//
// Clients choose their application_name and the text of their queries. None of it reaches a terminal before clean (width.go) has made it
// harmless.
package command
