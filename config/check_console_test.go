package config

import (
	"strings"
	"testing"
)

func TestConsolesThatCannotWork(t *testing.T) {
	admin := &User{Name: "ops", Secret: "secret"}
	for _, c := range []struct {
		name    string
		console Console
		want    string // empty: it can work
	}{
		{"an admin", Console{AdminUsers: []*User{admin}}, ""},
		{"somebody who may look", Console{StatsUsers: []*User{{Name: "metrics", Secret: "x"}}}, ""},
		{"a secret in the file", Console{AdminUsers: []*User{{Name: "ops"}}, UsersFile: "/etc/userlist.txt"}, ""},
		{"nobody", Console{UsersFile: "/etc/userlist.txt"}, "console: lets nobody in"},
		{"no secret", Console{AdminUsers: []*User{{Name: "ops"}}}, "console.admin_users.0: has no secret for ops"},
		{"no name", Console{StatsUsers: []*User{{Secret: "x"}}}, "console.stats_users.0: has no name"},
		{"null", Console{AdminUsers: []*User{nil}}, "console.admin_users.0: has no name"},
		{"twice", Console{AdminUsers: []*User{admin}, StatsUsers: []*User{admin}}, "console.stats_users.0: is ops, who is there already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Check(&App{Console: &c.console})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
