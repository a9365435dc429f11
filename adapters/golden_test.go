package adapters

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	_ "github.com/caddyserver/caddy/v2/modules/logging"
	_ "github.com/mholt/caddy-l4"

	_ "github.com/pgmux/caddy-pgmux/poolhandler"
)

var update = flag.Bool("update", false, "write what comes out to the golden files and to docs/pgbouncer.md")

// samples are files as they are found in the wild.
var samples = []struct {
	file    string
	adapter caddyconfig.Adapter
}{
	{"debian.ini", PgBouncer{}},       // what Debian installs, with a little of it turned on
	{"kubernetes.ini", PgBouncer{}},   // what a container writes from its environment
	{"fleet.ini", PgBouncer{}},        // many databases, in a file of their own
	{"two-backends.toml", PoolTOML{}}, // every key that such files have
	{"minimal.toml", PoolTOML{}},
}

func TestSamplesAreAdapted(t *testing.T) {
	for _, sample := range samples {
		t.Run(sample.file, func(t *testing.T) {
			out, warnings := adaptFile(t, sample.adapter, filepath.Join("testdata", sample.file))
			base := filepath.Join("testdata", strings.TrimSuffix(strings.TrimSuffix(sample.file, ".ini"), ".toml"))
			golden(t, base+".json", indented(t, out))
			golden(t, base+".warnings", warnings)
		})
	}
}

// TestSamplesAreLoaded has Caddy provision them, with files where they name some.
func TestSamplesAreLoaded(t *testing.T) {
	t.Setenv("PGUSER", "asker")
	t.Setenv("PGPASSWORD", "secret")
	t.Setenv("APP_PASSWORD", "secret")
	for _, sample := range samples {
		t.Run(sample.file, func(t *testing.T) {
			out, _ := adaptFile(t, sample.adapter, filepath.Join("testdata", sample.file))
			dir := t.TempDir()
			filesOf(t, dir)
			text := strings.NewReplacer("/etc/pgbouncer", dir, "/var/log/postgresql", dir, "/var/run/postgresql", dir, "/run/pgbouncer", dir).Replace(string(out))
			var c caddy.Config
			if err := caddy.StrictUnmarshalJSON([]byte(text), &c); err != nil {
				t.Fatal(err)
			}
			if err := caddy.Validate(&c); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}

func adaptFile(t *testing.T, adapter caddyconfig.Adapter, path string) (out []byte, warnings string) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out, list, err := adapter.Adapt(body, map[string]any{"filename": path})
	if err != nil {
		t.Fatal(err)
	}
	return out, printed(list)
}

// printed is a line for each.
func printed(list []caddyconfig.Warning) string {
	var b strings.Builder
	for _, w := range list {
		fmt.Fprintf(&b, "%s:%d: %s: %s\n", w.File, w.Line, w.Directive, w.Message)
	}
	return b.String()
}

func indented(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "\t"); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

// golden compares with what the file has.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) && !(strings.HasSuffix(path, ".json") && sameJSON(t, got, string(want))) { // fields may be in another order
		t.Errorf("%s is another (-update writes it):\n%s", path, got)
	}
}
