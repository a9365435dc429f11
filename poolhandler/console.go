package poolhandler

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/console"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// consolePlan is the console of one configuration: who may log in to it, and what SHOW CONFIG tells of the app.
type consolePlan struct {
	auth     login.Auth
	admins   []string
	stats    []string
	settings []console.Setting
}

// newConsolePlan reads the secrets; nil if there is no console.
func newConsolePlan(app *config.App, logger *zap.Logger) (*consolePlan, error) {
	c := app.Console
	if c == nil {
		return nil, nil
	}
	p := &consolePlan{admins: namesOf(c.AdminUsers), stats: namesOf(c.StatsUsers)}
	credentials, err := consoleCredentials(c, logger)
	if err != nil {
		return nil, err
	}
	p.auth = login.Auth{Method: login.ScramSHA256, Credentials: listed{p, credentials}}
	p.settings = appSettings(app, p)
	for name, pool := range app.Pools {
		if slices.Contains(pool.Databases, console.Database) {
			logger.Warn("nobody reaches the console: a pool has its database by name; remove one of them",
				zap.String("pool", name), zap.String("database", console.Database))
		}
	}
	return p, nil
}

func namesOf(users []*config.User) []string {
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = u.Name
	}
	return names
}

// consoleCredentials is the secrets that are written, and those of the file.
func consoleCredentials(c *config.Console, logger *zap.Logger) (login.Credentials, error) {
	written, missing := make(map[string]string), []string(nil)
	for _, u := range slices.Concat(c.AdminUsers, c.StatsUsers) {
		if u.Secret != "" {
			written[u.Name] = u.Secret
		} else {
			missing = append(missing, u.Name)
		}
	}
	users, err := parseUsers(written, login.ScramSHA256)
	if err != nil || c.UsersFile == "" {
		return users, err
	}
	file, err := login.OpenUsersFile(c.UsersFile, func(err error) { logger.Error("users file of the console", zap.Error(err)) })
	if err != nil {
		return nil, fmt.Errorf("users_file: %w", err)
	}
	warnOfMissing(file, missing, c.UsersFile, logger)
	return login.Chain{users, file}, nil
}

// warnOfMissing tells of users who cannot log in, until the file changes.
func warnOfMissing(file *login.UsersFile, names []string, path string, logger *zap.Logger) {
	for _, name := range names {
		secret, there := file.Users()[name]
		err := secret.Supports(login.ScramSHA256)
		if there && err == nil {
			continue
		}
		if !there {
			err = fmt.Errorf("is not in the file")
		}
		logger.Warn("a user of the console cannot log in", zap.String("user", name), zap.String("users_file", path), zap.Error(err))
	}
}

// permits tells whether a user may be in, as an admin or not.
func (p *consolePlan) permits(user string, admin bool) bool {
	if p == nil {
		return false
	}
	return admin && slices.Contains(p.admins, user) || !admin && slices.Contains(p.stats, user)
}

// listed lets nobody in but the users of the console: a file has others, too.
type listed struct {
	plan *consolePlan
	login.Credentials
}

// Lookup implements login.Credentials.
func (l listed) Lookup(ctx context.Context, who login.Identity) (login.Secret, bool, error) {
	if !l.plan.permits(who.User, true) && !l.plan.permits(who.User, false) {
		return login.Secret{}, false, nil
	}
	return l.Credentials.Lookup(ctx, who)
}

// isConsole tells whether a database is the console's. A pool that names it has it; a * does not.
func (p *plan) isConsole(database string) bool {
	if p.console == nil || database != console.Database {
		return false
	}
	for _, pool := range p.pools {
		if exactness, _ := pool.databases.match(database); exactness == wholeName {
			return false
		}
	}
	return true
}

// appSettings is what SHOW CONFIG has of the app.
func appSettings(app *config.App, p *consolePlan) []console.Setting {
	return []console.Setting{
		{Key: "admin_users", Value: strings.Join(p.admins, ",")},
		{Key: "auth_type", Value: "scram-sha-256", Default: "scram-sha-256", Fixed: true},
		{
			Key:   "client_login_timeout",
			Value: console.Seconds(config.Duration(app.ClientLoginTimeout, config.DefaultClientLoginTimeout)), Default: console.Seconds(config.DefaultClientLoginTimeout),
		},
		{
			Key:   "drain_timeout",
			Value: console.Seconds(config.Duration(app.DrainTimeout, config.DefaultDrainTimeout)), Default: console.Seconds(config.DefaultDrainTimeout),
		},
		{Key: "event_loops", Value: fmt.Sprint(config.Int(app.EventLoops, 0)), Default: "0", Fixed: true},
		{Key: "io_driver", Value: config.Word(app.IODriver, config.IODrivers), Default: config.IODrivers[0], Fixed: true},
		{
			Key:     "max_client_conn",
			Value:   fmt.Sprint(config.Int(app.MaxClientConnections, config.DefaultMaxClientConnections)),
			Default: fmt.Sprint(config.DefaultMaxClientConnections),
		},
		{Key: "max_user_connections", Value: "0", Default: "0", Fixed: true},
		{Key: "stats_period", Value: console.Seconds(console.StatsPeriod), Default: console.Seconds(console.StatsPeriod), Fixed: true},
		{Key: "stats_users", Value: strings.Join(p.stats, ",")},
	}
}
