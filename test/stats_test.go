//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// poolStats is what GET /postgres/pools says of one pool, as far as its field names are promised.
type poolStats struct {
	Name        string  `json:"name"`
	Size        int     `json:"size"`
	Available   int     `json:"available"`
	MaxSize     int     `json:"max_size"`
	Utilization float64 `json:"utilization"`
	Waiting     int     `json:"waiting"`
	Clients     struct {
		Total int `json:"total"`
	} `json:"clients"`
}

// stats asks the admin API for pool app.
func (p *pooler) stats() (poolStats, error) {
	var pools []poolStats
	if err := p.getJSON("/postgres/pools", &pools); err != nil {
		return poolStats{}, err
	}
	for _, pool := range pools {
		if pool.Name == "app" {
			return pool, nil
		}
	}
	return poolStats{}, fmt.Errorf("no pool app among %+v", pools)
}

func TestAdminAPITellsOfThePools(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no admin API without the pooler")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 4"})
		a, b := connect(t, p.Addr), connect(t, p.Addr)
		a.query("BEGIN")
		b.query("SELECT 1")
		eventually(t, "the figures are right", func() error {
			s, err := p.stats()
			if err == nil && (s.Clients.Total != 2 || s.Size-s.Available != 1 || s.Waiting != 0 || s.Size > 2) {
				err = fmt.Errorf("got %+v, want 2 clients, one server in use, none waited for", s)
			}
			return err
		})
		if body, err := p.get("/postgres/pools/app"); err != nil || !strings.Contains(body, `"app"`) {
			t.Errorf("GET /postgres/pools/app: %v: %s", err, body)
		}
		a.query("COMMIT")
	})
}

// Names that clients invent are refused by Postgres, and forgotten soon.
func TestInventedDatabasesAreForgotten(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing to remember without the pooler")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 4"})
		connect(t, p.Addr).query("SELECT 1")
		for i := range 100 {
			if _, err := tryConnect(t, p.Addr, "database", fmt.Sprintf("invented_%d", i)); err == nil || !strings.Contains(err.Error(), "3D000") {
				t.Fatalf("a database that is not there: %v, want 3D000", err)
			}
		}
		eventually(t, "only the database that is used is known", func() error {
			var pool struct {
				Users []struct {
					Database string `json:"database"`
				} `json:"users"`
				ConnectsFailed int `json:"connects_failed"`
			}
			if err := p.getJSON("/postgres/pools/app", &pool); err != nil {
				return err
			}
			if len(pool.Users) != 1 || pool.Users[0].Database != "app" || pool.ConnectsFailed != 100 {
				return fmt.Errorf("%d are known, and %d logins failed", len(pool.Users), pool.ConnectsFailed)
			}
			return nil
		})
	})
}

func TestMetricsTellOfThePools(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no metrics without the pooler")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 4"})
		c := connect(t, p.Addr)
		for range 10 {
			c.query("SELECT 1")
		}
		eventually(t, "the metrics are there", func() error {
			body, err := p.get("/metrics")
			if err != nil {
				return err
			}
			for _, name := range []string{"pool_connections", "pool_max_connections", "pool_utilization", "clients",
				"waiting_clients", "acquire_seconds_bucket", "query_seconds_bucket", "queries_total",
				"server_connects_total", "client_logins_total"} {
				if !strings.Contains(body, "caddy_postgres_"+name+"{") && !strings.Contains(body, "caddy_postgres_"+name+" ") {
					return fmt.Errorf("no caddy_postgres_%s", name)
				}
			}
			return nil
		})
	})
}
