// Package pgmux makes Caddy a connection pooler for Postgres: many client connections share few server connections.
//
// Build it into Caddy with
//
//	xcaddy build --with github.com/pgmux/caddy-pgmux
//
// which plugs in the app `postgres` with its Caddyfile, the layer4 handler `postgres_pool`, the HTTP handler
// `postgres_dashboard`, the admin API's /postgres and the commands `caddy postgres`, and with them caddy-l4's listeners,
// matchers and handlers. A Caddyfile that pools:
//
//	{
//		postgres {
//			pool app {
//				upstream 10.0.0.1:5432
//				auth {
//					user alice {env.ALICE_PASSWORD}
//				}
//			}
//		}
//		layer4 {
//			:6432 {
//				route {
//					postgres_pool app
//				}
//			}
//		}
//	}
//
// What can be configured is documented in package config, how it is written in package caddyfile, and how it works
// in docs/design.md.
package pgmux

import (
	_ "github.com/mholt/caddy-l4" // the layer4 app and all that comes with it

	_ "github.com/pgmux/caddy-pgmux/adapters"
	_ "github.com/pgmux/caddy-pgmux/caddyfile"
	_ "github.com/pgmux/caddy-pgmux/command"
	_ "github.com/pgmux/caddy-pgmux/poolhandler"
)
