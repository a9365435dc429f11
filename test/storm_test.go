//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/scram"
)

const (
	// stormVisits is how many connections come, log in, ask one query and go.
	stormVisits = 5000
	// stormHands is how many are there at a time.
	stormHands = 100
	// stormServers is the pool's size.
	stormServers = 20
	// stormIterations makes a client's proof cheap, so that the storm is the pooler's and not the clients' own.
	stormIterations = 16
)

// 5,000 short connections at full speed: nobody fails, Postgres hears of none of them, and nothing is left of them.
func TestStormOfShortConnections(t *testing.T) {
	eachStorm(t, settings{}, "sslmode=disable", nil)
}

// The same, each with a TLS handshake of its own.
func TestStormOfShortConnectionsOverTLS(t *testing.T) {
	a := newAuthority(t)
	id := a.server()
	eachStorm(t, settings{Pool: "tls require", Certificate: &id}, "sslmode=require", a.trust())
}

// eachStorm runs the storm with a Postgres that trusts the pooler, and with one that wants SCRAM of it, for which the pooler
// knows no more than the verifier and what its clients have shown; each over another I/O driver, or over all that E2E_DRIVERS
// names.
func eachStorm(t *testing.T, s settings, conninfo string, trust *tls.Config) {
	t.Helper()
	if direct() {
		t.Skip("without a pooler, every visit is a login")
	}
	salt := []byte("salt of a storm!")
	verifier := scram.Derive("secret", salt, stormIterations).Verifier(salt, stormIterations).Text()
	s.Pool += fmt.Sprintf("\npool_size %d", stormServers)
	s.Auth = "method scram-sha-256\nuser app " + verifier
	for i, auth := range []string{"trust", "scram-sha-256"} {
		drivers := someDrivers(t, i)
		t.Run("server-"+auth, func(t *testing.T) {
			server := pgtest.Start(t, pgtest.Options{
				Auth: auth, Roles: []pgtest.Role{{Name: "app", Password: verifier}}, Databases: []string{"app"},
				Settings: map[string]string{"log_connections": "on"},
			})
			for _, driver := range drivers {
				t.Run(driver, func(t *testing.T) {
					p := startPooler(t, driver, server, s)
					config, err := pgconn.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%s user=app password=secret dbname=app %s",
						portOf(p.Addr), conninfo))
					if err != nil {
						t.Fatal(err)
					}
					config.TLSConfig = trust
					storm(t, p, server, config)
				})
			}
		})
	}
}

// storm is one.
func storm(t *testing.T, p *pooler, server *pgtest.Server, config *pgconn.Config) {
	before := loginsOf(server)
	openAllServers(t, config)
	eventually(t, "all servers are there", func() error {
		s, err := p.stats()
		if err == nil && (s.Clients.Total != 0 || s.Size != stormServers || s.Available != stormServers) {
			err = fmt.Errorf("got %+v", s)
		}
		return err
	})
	opened, descriptors := loginsOf(server), p.descriptors()
	if n := opened - before; n > stormServers {
		t.Errorf("Postgres saw %d logins for %d servers", n, stormServers)
	}

	began := time.Now()
	visitAll(t, config)
	took := time.Since(began)
	t.Logf("%d visits in %v, %.0f/s", stormVisits, took.Round(time.Millisecond), stormVisits/took.Seconds())

	if n := loginsOf(server) - opened; n != 0 {
		t.Errorf("Postgres saw %d logins in the storm, want none", n)
	}
	eventually(t, "nothing is left of the storm", func() error {
		s, err := p.stats()
		switch now := p.descriptors(); {
		case err != nil:
			return err
		case s.Clients.Total != 0 || s.Waiting != 0 || s.Size > stormServers || s.Available != s.Size:
			return fmt.Errorf("got %+v", s)
		case now > descriptors+4: // admin connections come and go
			return fmt.Errorf("%d descriptors, %d before", now, descriptors)
		}
		return nil
	})
}

// openAllServers has as many clients as there are servers be in a transaction at the same time.
func openAllServers(t *testing.T, config *pgconn.Config) {
	t.Helper()
	ctx := within(t)
	var all []*pgconn.PgConn
	for range stormServers {
		c, err := pgconn.ConnectConfig(ctx, config)
		if err != nil {
			t.Fatalf("before the storm: %v", err)
		}
		defer c.Close(ctx)
		all = append(all, c)
		if _, err := c.Exec(ctx, "BEGIN").ReadAll(); err != nil {
			t.Fatalf("before the storm: %v", err)
		}
	}
	for _, c := range all {
		if _, err := c.Exec(ctx, "COMMIT").ReadAll(); err != nil {
			t.Fatalf("before the storm: %v", err)
		}
	}
}

// visitAll makes all visits. The first few that fail are told.
func visitAll(t *testing.T, config *pgconn.Config) {
	t.Helper()
	var next, failed atomic.Int64
	var all sync.WaitGroup
	for range stormHands {
		all.Go(func() {
			for n := next.Add(1); n <= stormVisits; n = next.Add(1) {
				if err := visitOnce(config, n); err != nil && failed.Add(1) <= 5 {
					t.Errorf("visit %d: %v", n, err)
				}
			}
		})
	}
	all.Wait()
	if n := failed.Load(); n > 0 {
		t.Errorf("%d visits of %d failed", n, stormVisits)
	}
}

// visitOnce is one: a login, a query with an answer of its own, goodbye.
func visitOnce(config *pgconn.Config, n int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	c, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	results, err := c.Exec(ctx, fmt.Sprintf("SELECT 'visit %d'", n)).ReadAll()
	if err == nil && (len(results) != 1 || string(results[0].Rows[0][0]) != fmt.Sprintf("visit %d", n)) {
		err = fmt.Errorf("somebody else's answer: %q", results[0].Rows)
	}
	return errors.Join(err, c.Close(ctx))
}

// loginsOf counts the logins that Postgres has taken, of role app.
func loginsOf(server *pgtest.Server) int {
	return strings.Count(server.Log(), "connection authorized: user=app ")
}
