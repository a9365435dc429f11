package poolhandler

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// health is how the upstreams of a pool are asked what they are, and by whom.
type health struct {
	interval, timeout time.Duration // interval 0: they are not
	user              *identity     // health_user; nil: whoever may
	query             *identity     // query_user of auth, nil: there is none
	database          string        // health_database; empty: whichever there is
}

// identity is whom we log in as, and where. Without a database, it is any.
type identity struct {
	user, database string
	secret         login.Secret
}

func newHealth(c *config.Pool, known login.Chain) (health, error) {
	h := health{database: c.HealthDatabase, timeout: config.Duration(c.HealthTimeout, config.DefaultHealthTimeout)}
	if isProbed(c) {
		h.interval = config.Duration(c.HealthInterval, config.DefaultHealthInterval)
	}
	var err error
	if h.user, err = newIdentity(c.HealthUser, known); err != nil {
		return health{}, fmt.Errorf("health_user: %w", err)
	}
	if c.Auth != nil {
		if h.query, err = newIdentity(c.Auth.QueryUser, known); err != nil {
			return health{}, fmt.Errorf("auth.query_user: %w", err)
		}
	}
	return h, nil
}

// isProbed tells whether there is something to find out. Of a single upstream that gets everything, all that matters is whether
// connections to it can be made, and clients find that out.
func isProbed(c *config.Pool) bool {
	return len(c.Upstream) > 1 || len(c.DynamicUpstreams) > 0 || c.ReadWriteSplit == "on"
}

func newIdentity(c *config.ServerUser, known login.Chain) (*identity, error) {
	if c == nil {
		return nil, nil
	}
	secret, err := secretOf(c, known)
	if err != nil {
		return nil, err
	}
	return &identity{user: c.Name, secret: secret}, nil
}

// settings are those of every connection for probes: what a StartupMessage sets goes before what ALTER ROLE and ALTER DATABASE
// have set. A question that Postgres itself gives up is told of in its log, so its time is over a little before ours.
func (h *health) settings() []login.Setting {
	return []login.Setting{
		{Name: "application_name", Value: "pgmux_health"},
		{Name: "search_path", Value: "pg_catalog"},
		{Name: "default_transaction_read_only", Value: "on"},
		{Name: "statement_timeout", Value: strconv.FormatInt(max(h.timeout.Milliseconds()*9/10, 1), 10)},
		{Name: "client_encoding", Value: "UTF8"},
	}
}

// defaultDatabase is the database that most servers have.
const defaultDatabase = "postgres"

// identities are who may ask, in the order in which they are tried. If health_user is written, it is only that one. Otherwise it is
// server_user, query_user, the first user whose password we know, and whoever a server has let in last; where he goes is
// health_database, or else server_database or the first database that the pool names, that which a server has been dialed for last, `postgres`,
// and the user's own.
func (p *pool) identities(learned identity) []identity {
	var out []identity
	for _, who := range p.watchers(learned) {
		for _, database := range p.watched(who.user, learned.database) {
			who.database = database
			out = append(out, who)
		}
	}
	return out
}

// watchers are the users of identities.
func (p *pool) watchers(learned identity) (users []identity) {
	if p.health.user != nil {
		return []identity{*p.health.user}
	}
	add := func(who identity) {
		same := func(other identity) bool { return other.user == who.user }
		if who.user != "" && !slices.ContainsFunc(users, same) {
			users = append(users, who)
		}
	}
	add(identity{user: p.server.user, secret: p.server.secret})
	if p.health.query != nil {
		add(*p.health.query)
	}
	if known, ok := p.auth.Credentials.(login.Chain); ok {
		user, secret, _ := known.WithPassword()
		add(identity{user: user, secret: secret})
	}
	add(learned)
	return users
}

// watched are the databases of identities.
func (p *pool) watched(user, learned string) (databases []string) {
	if p.health.database != "" {
		return []string{p.health.database}
	}
	named := ""
	if all := p.databases.exact(); p.real != "" {
		named = p.real
	} else if len(all) > 0 {
		named = all[0]
	}
	for _, name := range []string{named, learned, defaultDatabase, user} {
		if name != "" && !slices.Contains(databases, name) {
			databases = append(databases, name)
		}
	}
	return databases
}
