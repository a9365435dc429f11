module github.com/pgmux/caddy-pgmux/bench

go 1.26.0

require (
	github.com/pgmux/caddy-pgmux v0.0.0
	golang.org/x/sys v0.48.0
)

replace github.com/pgmux/caddy-pgmux => ..
