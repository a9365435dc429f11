//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// followedServer is a Postgres whose changes can be followed, with a table that is published.
func followedServer(t *testing.T, version int) *pgtest.Server {
	t.Helper()
	o := commonOptions(version)
	o.Settings = map[string]string{"wal_level": "logical", "max_wal_senders": "10", "max_replication_slots": "10"}
	o.Roles = append(o.Roles, pgtest.Role{Name: "follower", Password: "secret", Superuser: true})
	o.HBA = append(o.HBA, "local replication all trust", "host replication all 127.0.0.1/32 trust")
	server := pgtest.Start(t, o)
	conn := cachedValues(t, server, "followed")
	if _, err := conn.Exec(within(t), "CREATE PUBLICATION pgmux FOR TABLE followed"); err != nil {
		t.Fatal(err)
	}
	return server
}

// followingPool serves only what the stream of changes vouches for.
var followingPool = settings{Pool: "pool_size 5\nquery_cache {\n\tttl 10m\n\tinvalidation wal\n\treplication_user follower secret\n}"}

func TestWhatOthersWriteIsFollowed(t *testing.T) {
	if direct() {
		t.Skip("a cache of ours")
	}
	for _, version := range versions() {
		t.Run(fmt.Sprint("Postgres ", version), func(t *testing.T) {
			server := followedServer(t, version)
			other, err := pgx.Connect(within(t), pgtest.DSN(server.Addr(), "follower", "secret", "app"))
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close(context.Background())
			p := startPooler(t, drivers()[0], server, followingPool)
			c := connect(t, p.Addr)
			const ask = "SELECT v FROM followed WHERE k = 'a'"
			p.hit(t, func() { c.query(ask) })
			for want := 100; want < 105; want++ {
				if _, err := other.Exec(within(t), "UPDATE followed SET v = $1 WHERE k = 'a'", want); err != nil {
					t.Fatal(err)
				}
				eventually(t, "what another has written", func() error {
					if got := c.value(ask); got != fmt.Sprint(want) {
						return fmt.Errorf("%s is served, and %d is true", got, want)
					}
					return nil
				})
				p.hit(t, func() { c.query(ask) })
			}

			// When nobody can be heard, nothing is served.
			if _, err := other.Exec(within(t), "ALTER ROLE follower NOLOGIN"); err != nil {
				t.Fatal(err)
			}
			if _, err := other.Exec(within(t), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'follower' AND pid <> pg_backend_pid()"); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the cache to be bypassed", func() error {
				before := p.cacheFigures(t).Hits
				c.query(ask)
				c.query(ask)
				if after := p.cacheFigures(t); after.Hits != before || after.State == "on" {
					return fmt.Errorf("%+v", after)
				}
				return nil
			})
			if _, err := other.Exec(context.Background(), "ALTER ROLE follower LOGIN"); err != nil {
				t.Fatal(err)
			}
			p.hit(t, func() { c.query(ask) })
		})
	}
}
