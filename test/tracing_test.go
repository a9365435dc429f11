//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// A transaction whose client passes a traceparent is a span of that trace, where the environment says; it has no literals.
func TestTransactionsAreSpans(t *testing.T) {
	if direct() {
		t.Skip("Postgres makes no spans")
	}
	t.Setenv("OTEL_TRACES_EXPORTER", "console")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "tracing on"})
		c := connect(t, p.Addr)
		c.query("SELECT 'no trace'")
		c.query("SELECT 'secret' /*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/")
		c.query("BEGIN /*traceparent='00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01'*/")
		c.query("SELECT 1/0")
		c.query("ROLLBACK")
		var out string
		eventually(t, "two spans are printed", func() error {
			out = p.out.String()
			if n := strings.Count(out, `"SpanContext":{`); n != 2 {
				return fmt.Errorf("there are %d", n)
			}
			return nil
		})
		for _, want := range []string{`"TraceID":"0af7651916cd43dd8448eb211c80319c"`, `"Name":"SELECT app"`, `"Name":"transaction app"`, `"select $n"`, `"Code":"Error"`, "no_choice"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s is missing", want)
			}
		}
		if strings.Contains(out, "secret") {
			t.Error("a literal was told")
		}
	})
}
