package caddyfile

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/config"
)

// withConsole is a Caddyfile with this console, its first line at line 3.
func withConsole(lines string) string {
	return "{\n\tpostgres {\n" + lines + "\n\t\tpool app {\n\t\t\tupstream db:1\n\t\t\tauth {\n\t\t\t\tmethod trust\n\t\t\t}\n\t\t}\n\t}\n}\n"
}

func TestTheConsoleIsWhatIsWritten(t *testing.T) {
	admin := &config.User{Name: "ops", Secret: "{env.OPS}"}
	for _, c := range []struct {
		written string
		want    config.Console
	}{
		{"console ops {env.OPS}", config.Console{AdminUsers: []*config.User{admin}}},
		{
			"console ops {env.OPS} {\n admin_user eve x\n stats_user metrics y\n}",
			config.Console{
				AdminUsers: []*config.User{admin, {Name: "eve", Secret: "x"}},
				StatsUsers: []*config.User{{Name: "metrics", Secret: "y"}},
			},
		},
		{
			"console {\n admin_users ops eve\n stats_users metrics\n stats_user own z\n users_file /etc/userlist.txt\n}",
			config.Console{
				AdminUsers: []*config.User{{Name: "ops"}, {Name: "eve"}},
				StatsUsers: []*config.User{{Name: "metrics"}, {Name: "own", Secret: "z"}},
				UsersFile:  "/etc/userlist.txt",
			},
		},
	} {
		out, err := adapt(withConsole(c.written))
		if err != nil {
			t.Errorf("%s: %v", c.written, err)
			continue
		}
		var got struct {
			Apps struct{ Postgres config.App }
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Apps.Postgres.Console, &c.want) {
			said, _ := json.Marshal(got.Apps.Postgres.Console)
			t.Errorf("%s: is %s", c.written, said)
		}
	}
}

func TestConsolesThatAreRefused(t *testing.T) {
	for written, want := range map[string]string{
		"console":                                  "console lets nobody in",
		"console ops":                              "console.admin_users.0 has no secret for ops",
		"console ops a b":                          `"b" is too many`,
		"console ops a {\n stats_user\n}":          "stats_user takes a name",
		"console ops a {\n admin_users\n}":         "admin_users needs names",
		"console ops a {\n\tstats_users ops\n}":    "console.stats_users.0 is ops, who is there already",
		"console ops a {\n admin_usr x\n}":         "did you mean admin_user?",
		"console ops a\n\t\tconsole ops a":         "console is written twice",
		"console {\n users_file a\n admin_user\n}": "admin_user takes a name",
	} {
		if _, err := adapt(withConsole(written)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", written, err, want)
		}
	}
}
