package adapters

import (
	"strings"

	"github.com/pgmux/caddy-pgmux/config"
)

// buildConsole is who may use the database pgbouncer. Their secrets are those of auth_file.
func (a *adaptation) buildConsole() error {
	admins, stats, file := a.value("admin_users"), a.value("stats_users"), a.value("auth_file")
	if len(admins.list()) == 0 && len(stats.list()) == 0 {
		return nil
	}
	if file.text == "" {
		a.warn(admins.at, "admin_users", "without an auth_file the console has no secrets of theirs, so there is none; Caddy's admin endpoint does what it would")
		return nil
	}
	seen := map[string]bool{}
	a.app.Console = &config.Console{
		AdminUsers: consoleUsers(admins, seen), StatsUsers: consoleUsers(stats, seen), UsersFile: escaped(absolute(file.text)),
	}
	a.warnOfLockedOut(admins, stats)
	return nil
}

// consoleUsers leaves out who is there already: admins may do all that others may.
func consoleUsers(v value, seen map[string]bool) (users []*config.User) {
	for _, name := range v.list() {
		if !seen[name] {
			users = append(users, &config.User{Name: escaped(name)})
		}
		seen[name] = true
	}
	return users
}

// warnOfLockedOut: PgBouncer's console lets in whom auth_type lets in, and ours asks for SCRAM. Whom that concerns is in a file that is
// not looked at here: what comes out does not depend on the machine. Caddy does when it loads the configuration.
func (a *adaptation) warnOfLockedOut(lists ...value) {
	scram := strings.EqualFold(a.value("auth_type").text, "scram-sha-256")
	if scram && a.value("auth_user").text == "" {
		return
	}
	for _, v := range lists {
		if len(v.list()) > 0 {
			a.warn(v.at, v.name, "%s", "log in to the console by SCRAM, whatever auth_type is, so that each needs the password or a SCRAM verifier in auth_file: who has an "+
				"md5 hash or nothing there, or is only found by auth_query, is not let in. Caddy's log names them when it loads this")
		}
	}
}
