//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// killBackend ends a server by force. Postgres then ends all others, in its own words, and starts anew.
func killBackend(t *testing.T, server *pgtest.Server, pid string) {
	t.Helper()
	if err := server.Exec(within(t), "postgres", "COPY (SELECT 1) TO PROGRAM 'kill -9 "+pid+"'"); err != nil {
		t.Logf("killing %s: %v", pid, err) // Postgres may be quicker to end whoever has asked for it
	}
}

// When one server crashes, each client that had one hears what Postgres says, in whatever it was doing, and then the end. Who
// had none notices nothing.
func TestOneServerCrashesAndAllAreEnded(t *testing.T) {
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			options := commonOptions(versions()[0])
			options.Settings = map[string]string{"synchronous_commit": "on"} // the table must outlive the crash
			server := pgtest.Start(t, options)
			p := startPooler(t, driver, server, settings{Pool: "pool_size 7\nserver_login_retry 100ms"})
			resting := connect(t, p.Addr)
			resting.query("CREATE TABLE crashes (n int)")
			var others []*client
			for i, said := range [][]pgproto3.FrontendMessage{
				{simple("SELECT pg_sleep(60), 'crash in a query'")},
				join(pbe("SELECT 'answered'"), sync_, pbe("SELECT pg_sleep(60), 'crash in a pipeline'"), pbe("SELECT 1"), sync_),
				{simple("BEGIN"), simple("INSERT INTO crashes VALUES (1)"), simple("SELECT 'crash in a transaction'")},
				{simple("BEGIN"), simple("SELECT 1/0, 'crash in a failed transaction'")},
				{simple("COPY crashes FROM STDIN /* crash in a COPY */"), copyData("2\n")},
			} {
				c := connect(t, p.Addr)
				c.say(said...)
				others = append(others, c)
				running(t, server, []string{"crash in a query", "crash in a pipeline", "crash in a transaction", "crash in a failed",
					"crash in a COPY"}[i], true)
			}
			victim := connect(t, p.Addr)
			victim.query("BEGIN")
			killBackend(t, server, victim.value("SELECT pg_backend_pid()"))
			for _, c := range others {
				mustContain(t, c.hearEnd(), "NoticeResponse WARNING 57P02", "terminating connection because of crash of another server process")
			}
			heard := victim.hearEnd()
			if direct() {
				return
			}
			mustContain(t, heard, "FATAL 08006", "Whether the request was executed is not known")
			mustContain(t, resting.query("SELECT count(*) FROM crashes"), "DataRow", `"0"`)
			next := connect(t, p.Addr)
			mustContain(t, next.query("SELECT 'served'"), "DataRow", "served")
		})
	}
}

// Under load nobody hangs, and nobody hears another's answer.
func TestServersCrashUnderLoad(t *testing.T) {
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			server := pgtest.Start(t, commonOptions(versions()[0]))
			p := startPooler(t, driver, server, settings{Pool: "pool_size 5\nserver_login_retry 100ms"})
			w := startWork(t, p.dsn("app"), 20, threeQueries)
			for range 3 {
				w.progress(t, 100)
				var pid int
				eventually(t, "there is a server to kill", func() error {
					super, err := server.Super(within(t), "app")
					if err != nil {
						return err
					}
					defer super.Close(context.Background())
					return super.QueryRow(within(t), "SELECT pid FROM pg_stat_activity WHERE usename = 'app' LIMIT 1").Scan(&pid)
				})
				killBackend(t, server, fmt.Sprint(pid))
			}
			w.progress(t, 300)
			w.finish()
			if !direct() {
				w.demandOnly(t, "57P01", "57P02", "57P03", "08006")
				p.awaitRest()
			}
			t.Logf("clients were told: %v", w.told())
		})
	}
}
