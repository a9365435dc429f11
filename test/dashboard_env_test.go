//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// watched is a Caddy with two pools that work, one of them over a primary and its replicas, and pages that show it.
type watched struct {
	*pooler
	cluster *cluster
	Site    string // of Caddy's HTTP server
	Reports string // where clients of pool reports connect
}

// The hash is that of the password "secret".
const watchedSite = `
%s
http://%s {
	bind 127.0.0.1
	handle_path /postgres* {
		basic_auth {
			viewer $2a$04$4f1icEtnsR4ofONCt9c29e36GcbqZ2VhMT1kivYLvcq9wTq4k/DTm
		}
		postgres_dashboard {
			title "%s"
		}
	}
	handle /open/deep* {
		postgres_dashboard
	}
}
`

// startWatched starts it; the page behind the password, at /postgres/, has this title.
func startWatched(t *testing.T, title string) *watched {
	t.Helper()
	c := commonCluster(t)
	pool := probing + "pool_size 12\nquery_cache {\nttl 5s\nmatch tables items\n}"
	w := &watched{cluster: c, Site: freeAddr(t), Reports: freeAddr(t)}
	w.pooler = newPooler(t, drivers()[0], c.primary, settings{Pool: pool, Upstreams: c.addresses()})
	w.writeAll(title, pool)
	w.run()
	t.Cleanup(w.finish)
	w.awaitListening()
	return w
}

// writeAll writes a Caddyfile with a second pool, its listener, and the site.
func (w *watched) writeAll(title, pool string) {
	w.t.Helper()
	text := w.caddyfile(settings{
		Global: fmt.Sprintf("pool reports {\nupstream %s\npool_size 2\nquery_wait_timeout 20s\nauth {\nmethod trust\n}\n}", w.cluster.primary.Addr()),
		Pool:   pool,
	})
	text = strings.Replace(text, "\tlayer4 {\n", fmt.Sprintf("\tlayer4 {\n\t\t%s {\n\t\t\troute {\n\t\t\t\tpostgres_pool reports\n\t\t\t}\n\t\t}\n", w.Reports), 1)
	text = fmt.Sprintf(watchedSite, text, w.Site, title)
	if err := os.WriteFile(filepath.Join(w.dir, "Caddyfile"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// load keeps both pools at work: some clients of app read, from the cache, from replicas, and others write, in slow waves, so that there is
// something to see; and more clients want reports than there are servers for.
func (w *watched) load(t *testing.T) {
	t.Helper()
	wave := func() time.Duration { return time.Duration(3+2*(time.Now().Unix()/7%5)) * time.Millisecond }
	startWork(t, w.dsn("app"), 5, func(ctx context.Context, conn *pgx.Conn, _ string) error {
		pause(ctx, wave())
		return execAll(ctx, conn,
			"SELECT n FROM items WHERE id = 1", "SELECT n FROM items WHERE id = 2", "SELECT n FROM items WHERE id = 3",
			"SELECT count(*) FROM generate_series(1, 2000)")
	})
	startWork(t, w.dsn("app"), 2, func(ctx context.Context, conn *pgx.Conn, _ string) error {
		pause(ctx, 10*wave())
		return execAll(ctx, conn, fmt.Sprintf("UPDATE items SET n = n + 1 WHERE id = %d", 2+time.Now().UnixNano()%9), "SELECT pg_sleep(0.004)")
	})
	startWork(t, pgtest.DSN(w.Reports, "app", "secret", "app"), 4, func(ctx context.Context, conn *pgx.Conn, _ string) error {
		return execAll(ctx, conn, "SELECT pg_sleep(0.03)")
	})
}

// pause is what a client thinks.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func execAll(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return nil
}

// page is the address of the page behind the password, with it.
func (w *watched) page() string { return "http://viewer:secret@" + w.Site + "/postgres/" }
