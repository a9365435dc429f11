// Package adapters lets Caddy start with files that were written for others: `--adapter pgbouncer` takes a pgbouncer.ini as it stands,
// `--adapter pool-toml` a file with one [pool].
//
//	ini.go          what stands in the file: sections, keys, %include
//	connstring.go   the key=value pairs of [databases], [users] and [peers]
//	setting*.go     every setting of PgBouncer, and what it is here: the table that docs/pgbouncer.md shows
//	databases.go    a line of [databases] becomes a pool
//	users.go, authquery.go, tls.go, listen.go, log.go, console.go   what takes several settings to say
//	pgbouncer.go    the adapter, which puts them together
//	pooltoml.go     the other adapter
//
// What a file says is mapped, or a warning names the line and what is done instead, or it is refused: what decides
// who is let in, and what is encrypted, is never left out. Where PgBouncer's default is not ours, the adapted configuration says PgBouncer's.
package adapters
