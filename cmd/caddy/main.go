package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/mholt/caddy-l4"
	_ "github.com/jackc/pgx/v5/pgproto3"
	_ "golang.org/x/sys/unix"
)

func main() { caddycmd.Main() }
