package adapters

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzPgBouncer: whatever the file says, it is an error or a configuration.
func FuzzPgBouncer(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.ini")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range seeds {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("[databases]\n* = host=a,b dbname=x user=u password='p' load_balance_hosts=disable\n[pgbouncer]\nauth_type=any\nreserve_pool_timeout=0\n")
	f.Add("[databases]\na = host=/run/{x} pool_size=-1\n[pgbouncer] listen_addr = 0.0.0.0, ::\nauth_user = \\}\nauth_query = SELECT a FROM only f($1)\n[pgbouncer]\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "%include") {
			t.Skip("it would read files")
		}
		out, _, err := PgBouncer{}.Adapt([]byte(text), nil)
		if err == nil && !json.Valid(out) {
			t.Errorf("no JSON: %s", out)
		}
	})
}
