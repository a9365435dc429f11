//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// arrive logs a raw client in over TLS, whoever the server is.
func arrive(t *testing.T, addr string) (*client, *tls.Conn) {
	t.Helper()
	conn, err := encrypted(addr, &tls.Config{InsecureSkipVerify: true, ServerName: "db.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{t: t, conn: conn, Frontend: pgproto3.NewFrontend(conn, conn)}
	if err := c.logIn(version30); err != nil {
		t.Fatal(err)
	}
	return c, conn.(*tls.Conn)
}

// Caddy is its own authority here, and renews certificates that live for seconds. New connections get the new one, without
// a reload; those that are there stay.
func TestRenewedCertificatesReachNewConnections(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("certificates of Caddy's")
		}
		p := startPooler(t, driver, server, settings{
			Caddy: "cert_issuer internal {\nlifetime 6s\n}\nrenew_interval 500ms",
			Pool:  "pool_size 2\ntls require {\nserver_names db.example.com\n}",
		})
		var early *client
		var first string
		eventually(t, "the certificate is there", func() error {
			conn, err := encrypted(p.Addr, &tls.Config{InsecureSkipVerify: true, ServerName: "db.example.com"})
			if err == nil {
				conn.Close()
			}
			return err
		})
		early, conn := arrive(t, p.Addr)
		first = conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
		eventually(t, "the renewed certificate is shown", func() error {
			conn, err := encrypted(p.Addr, &tls.Config{InsecureSkipVerify: true, ServerName: "db.example.com"})
			if err != nil {
				return err
			}
			defer conn.Close()
			if conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String() == first {
				return fmt.Errorf("it is the first one still")
			}
			return nil
		})
		mustContain(t, early.query("SELECT 'still there'"), "still there")
	})
}

var allocated = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)`)

// heap is what the program has allocated in Go, after a garbage collection.
func (p *pooler) heap() int {
	p.t.Helper()
	profile, err := p.get("/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		p.t.Fatal(err)
	}
	n, err := strconv.Atoi(allocated.FindStringSubmatch(profile)[1])
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// An encrypted client that is idle costs no goroutine and less than 10 KB, also after a query.
func TestIdleClientsOverTLSCostLittle(t *testing.T) {
	const clients = 500
	a := newAuthority(t)
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a cost of ours")
		}
		p := startPooler(t, driver, server, a.settings("require"))
		d := &door{pooler: p}
		first, _ := arrive(t, p.Addr)
		first.query("SELECT 1")
		goroutines, heap := d.cost().goroutines, p.heap()
		var all []*client
		for range clients {
			c, _ := arrive(t, p.Addr)
			mustContain(t, c.query("SELECT '"+strings.Repeat("x", 5000)+"'"), "xxx")
			all = append(all, c)
		}
		eventually(t, "no goroutine is left", func() error {
			if n := d.cost().goroutines; n > goroutines+10 {
				return fmt.Errorf("%d goroutines, %d before", n, goroutines)
			}
			return nil
		})
		each := (p.heap() - heap) / clients
		t.Logf("%d bytes of Go memory for each encrypted client", each)
		if each > 10_000 {
			t.Errorf("an idle client over TLS costs %d bytes, want at most 10,000", each)
		}
		mustContain(t, all[clients/2].query("SELECT 'awake'"), "awake")
	})
}

// Every mode of server_tls, with the authority and the certificate that Postgres demands.
func TestServerTLS(t *testing.T) {
	ours, foreign := newAuthority(t), newAuthority(t)
	o := commonOptions(versions()[len(versions())-1])
	o.Auth = "scram-sha-256"
	o.HBA = []string{"hostssl certified all 127.0.0.1/32 trust clientcert=verify-ca", "host clear all 127.0.0.1/32 scram-sha-256", "hostssl app all 127.0.0.1/32 scram-sha-256",
		"host app,certified all 127.0.0.1/32 reject"}
	o.Databases = []string{"app", "clear", "certified"}
	server := pgtest.Start(t, o)
	plain := pgtest.Start(t, commonOptions(versions()[0]))
	ours.encrypt(server)
	own := ours.client("app")
	port := server.Addr()[strings.LastIndex(server.Addr(), ":"):]
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("connections of ours")
			}
			for _, c := range []struct {
				mode, upstream, database string
				encrypted                bool
				refused                  string // part of the text for the client, if there is no connection
			}{
				{mode: "disable", upstream: server.Addr(), database: "clear"},
				{mode: "disable", upstream: server.Addr(), database: "app", refused: "pg_hba.conf"},
				{mode: "prefer", upstream: server.Addr(), database: "app", encrypted: true},
				{mode: "", upstream: server.Addr(), database: "app", encrypted: true},
				{mode: "prefer", upstream: plain.Addr(), database: "app"},
				{mode: "require", upstream: server.Addr(), database: "app", encrypted: true},
				{mode: "require", upstream: plain.Addr(), database: "app", refused: "ssl = on"},
				{mode: "verify-ca {\nca " + ours.CA + "\n}", upstream: server.Addr(), database: "app", encrypted: true},
				{mode: "verify-ca {\nca " + foreign.CA + "\n}", upstream: server.Addr(), database: "app", refused: "ca of server_tls"},
				{mode: "verify-full {\nca " + ours.CA + "\n}", upstream: "localhost" + port, database: "app", encrypted: true},
				{mode: "verify-full {\nca " + ours.CA + "\nserver_name elsewhere\n}", upstream: server.Addr(), database: "app", refused: "server_name"},
				{mode: "require {\ncertificate " + own.Certificate + "\nkey " + own.Key + "\n}", upstream: server.Addr(), database: "certified", encrypted: true},
				{mode: "require", upstream: server.Addr(), database: "certified", refused: "certificate"},
			} {
				s := settings{Pool: "pool_size 1\nquery_wait_timeout 20s", Upstreams: []string{c.upstream}, Auth: "user app secret"}
				if c.refused != "" {
					s.Pool = "pool_size 1\nquery_wait_timeout 10s"
				}
				if c.mode != "" {
					s.Pool += "\nserver_tls " + c.mode
				}
				p := startPooler(t, driver, server, s)
				got, err := askWhetherEncrypted(t, p, c.database)
				switch {
				case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
					t.Errorf("%s to %s: %v, want %q", c.mode, c.database, err, c.refused)
				case c.refused == "" && err != nil:
					t.Errorf("%s to %s: %v", c.mode, c.database, err)
				case c.refused == "" && got != c.encrypted:
					t.Errorf("%s to %s: encrypted %v", c.mode, c.database, got)
				}
				p.stop()
			}
		})
	}
}

// askWhetherEncrypted asks Postgres about the server that a client gets.
func askWhetherEncrypted(t *testing.T, p *pooler, database string) (encrypted bool, err error) {
	ctx, end := context.WithTimeout(context.Background(), patience)
	defer end()
	conn, err := pgx.Connect(ctx, pgtest.DSN(p.Addr, "app", "secret", database))
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted); err != nil {
		return false, err
	}
	if !encrypted {
		return false, nil
	}
	// A server that is encrypted can be cancelled, moves between loops, and carries what is large.
	var n int
	if err := conn.QueryRow(ctx, "SELECT sum(length(x)) FROM (SELECT repeat('x', 10000) x FROM generate_series(1, 500)) s").Scan(&n); err != nil || n != 5_000_000 {
		return true, fmt.Errorf("a large query: %d, %w", n, err)
	}
	return true, nil
}
