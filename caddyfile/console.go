package caddyfile

import (
	"strconv"

	"github.com/pgmux/caddy-pgmux/config"
)

// parseConsole reads who may use the console. Syntax:
//
//	console [<admin_user> [<secret>]] {
//		admin_user  <name> [<secret>]
//		admin_users <name>...
//		stats_user  <name> [<secret>]
//		stats_users <name>...
//		users_file  <path>
//	}
func parseConsole(p *parser, path string, app *config.App) error {
	c := new(config.Console)
	app.Console = c
	if args := p.RemainingArgs(); len(args) > 2 {
		return p.Errf("console takes an admin's name and secret, and %q is too many; write more admins with admin_user in its block", args[2])
	} else if len(args) > 0 {
		c.AdminUsers = addUser(p, path+".admin_users", c.AdminUsers, args)
	}
	return block(p, "console", path, consoleOptions, c)
}

var consoleOptions = options[config.Console]{
	"admin_user":  consoleUser("admin_users", func(c *config.Console) *[]*config.User { return &c.AdminUsers }),
	"admin_users": consoleUsers("admin_users", func(c *config.Console) *[]*config.User { return &c.AdminUsers }),
	"stats_user":  consoleUser("stats_users", func(c *config.Console) *[]*config.User { return &c.StatsUsers }),
	"stats_users": consoleUsers("stats_users", func(c *config.Console) *[]*config.User { return &c.StatsUsers }),
	"users_file":  word(func(c *config.Console) *string { return &c.UsersFile }),
}

// consoleUser reads one user with its secret, or without one if users_file has it.
func consoleUser(list string, field func(*config.Console) *[]*config.User) option[config.Console] {
	return option[config.Console]{repeats: true, read: func(p *parser, _ string, c *config.Console) error {
		option, args := p.Val(), p.RemainingArgs()
		if len(args) == 0 || len(args) > 2 {
			return p.Errf("%s takes a name, and a secret unless users_file has it; %s takes several names", option, list)
		}
		*field(c) = addUser(p, "console."+list, *field(c), args)
		return nil
	}}
}

// consoleUsers reads the names of users whose secrets users_file has.
func consoleUsers(list string, field func(*config.Console) *[]*config.User) option[config.Console] {
	return option[config.Console]{repeats: true, read: func(p *parser, _ string, c *config.Console) error {
		names := p.RemainingArgs()
		if len(names) == 0 {
			return p.Errf("%s needs names; write them on the same line", list)
		}
		for _, name := range names {
			*field(c) = addUser(p, "console."+list, *field(c), []string{name})
		}
		return nil
	}}
}

// addUser adds a name, and the secret if there is one.
func addUser(p *parser, path string, users []*config.User, args []string) []*config.User {
	p.note(path + "." + strconv.Itoa(len(users)))
	u := &config.User{Name: args[0]}
	if len(args) == 2 {
		u.Secret = args[1]
	}
	return append(users, u)
}
