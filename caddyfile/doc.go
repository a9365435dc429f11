// Package caddyfile is how the configuration is written: it turns the tokens of the global option `postgres`, of
// the layer4 handler `postgres_pool` and of the HTTP handler `postgres_dashboard` into the structs of package config. The syntax stands above each parser.
//
// Everything that can be wrong is said with the line it is wrong at: the parsers remember where each setting was
// written, and what config.Check finds later is told at that place.
package caddyfile
