package examples

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

const misconfigurations = "../docs/misconfiguration.md"

// around is the Caddyfile around what is written, by the heading of the table.
var around = map[string]string{
	"In a pool": `{
	postgres {
		pool app {
			upstream 127.0.0.1:5432
			auth {
				method trust
			}
%s
		}
	}
}
`,
	"In the app": `{
	postgres {
		pool app {
			upstream 127.0.0.1:5432
			auth {
				method trust
			}
		}
%s
	}
}
`,
	"In the handler": `{
	postgres {
		pool app {
			upstream 127.0.0.1:5432
			auth {
				method trust
			}
		}
	}
	layer4 {
		127.0.0.1:0 {
			route {
%s
			}
		}
	}
}
`,
}

// Every misconfiguration of the tables is refused with exactly the message beside it; -update writes the messages.
func TestMisconfigurationsAreToldWhatIsWrong(t *testing.T) {
	text, err := os.ReadFile(misconfigurations)
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("^\\| `(.*)` \\| (.*)\\|$")
	lines, heading, rows := strings.Split(string(text), "\n"), "", 0
	for i, line := range lines {
		if after, ok := strings.CutPrefix(line, "## "); ok {
			heading = after
		}
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		rows++
		written := strings.ReplaceAll(strings.ReplaceAll(m[1], "⏎", "\n"), `\|`, "|")
		said := load(t, fmt.Sprintf(around[heading], written))
		if said == "" {
			t.Errorf("%s is taken", m[1])
		}
		lines[i] = "| `" + m[1] + "` | " + cell(said) + " |"
		if lines[i] != line && !*update {
			t.Errorf("%s:%d: %s is told\n%s\nnot\n%s", misconfigurations, i+1, m[1], cell(said), strings.TrimSpace(m[2]))
		}
	}
	if rows < 50 {
		t.Errorf("the tables have %d rows", rows)
	}
	if *update {
		if err := os.WriteFile(misconfigurations, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// cell is a message as a cell of a table.
func cell(said string) string {
	said = strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "*", `\*`).Replace(said)
	return strings.Join(strings.Fields(said), " ")
}

// load is what `caddy validate` says of a Caddyfile; empty: nothing is wrong.
func load(t *testing.T, text string) string {
	t.Helper()
	out, _, err := caddyfile.Adapter{ServerType: httpcaddyfile.ServerType{}}.Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return err.Error()
	}
	var cfg caddy.Config
	if err := json.Unmarshal(out, &cfg); err != nil {
		t.Fatal(err)
	}
	cfg.Admin = &caddy.AdminConfig{Disabled: true}
	cfg.StorageRaw = fmt.Appendf(nil, `{"module": "file_system", "root": %q}`, t.TempDir())
	if err := caddy.Validate(&cfg); err != nil {
		return err.Error()
	}
	return ""
}
