// Command caddy is Caddy with this module and the standard ones: what xcaddy would build, in seconds.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/pgmux/caddy-pgmux"
)

func main() { caddycmd.Main() }
