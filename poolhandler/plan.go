package poolhandler

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/login"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/routing"
)

// plan is one configuration, resolved and checked: all that connections need to know. It is immutable.
type plan struct {
	eventLoops   int // 0: one per CPU
	ioDriver     string
	loginTimeout time.Duration
	drainTimeout time.Duration
	pools        map[string]*pool
	names        []string // of the pools, sorted
	// leads is the pools that an address of the app's own leads to, each a plan of nothing but names, pools and tls.
	leads  map[string]*plan
	listen []placed // where to listen, sorted
	engine *engine.Config
	logger *zap.Logger
	// tls is for clients whose pool is told by their database; nil: no pool has TLS. After secure.
	tls *tls.Config
	// console is the virtual database's; nil: there is none.
	console *consolePlan

	announcer *announcer // where events go; nil: nowhere. After Provision

	rescuers *rescuers // of this configuration's listeners; nil without them
}

// pool is what logins, ours and the clients', need to know of one pool.
type pool struct {
	name       string
	databases  databaseNames
	real       string // server_database; empty: as clients ask for it
	auth       login.Auth
	server     serverLogin
	priorities priorities
	tls        clientTLS
	query      *login.AuthQuery // nil: nobody is asked for secrets
	upstreams  []routing.Declared
	health     health
	feed       *feedLogin   // nil: nobody follows changes
	sources    []source     // of upstreams; after invite
	store      *sharedStore // nil: replies are not shared; after invite
	found      *foundAddresses
}

// close ends what the pools of a plan have open that nobody uses any more.
func (p *plan) close() {
	for _, pool := range p.pools {
		if pool.query != nil {
			pool.query.Close()
		}
	}
}

// newPlan makes a plan of a resolved configuration.
func newPlan(app *config.App, logger *zap.Logger) (*plan, error) {
	p := &plan{
		eventLoops:   config.Int(app.EventLoops, 0),
		ioDriver:     config.Word(app.IODriver, config.IODrivers),
		loginTimeout: config.Duration(app.ClientLoginTimeout, config.DefaultClientLoginTimeout),
		drainTimeout: config.Duration(app.DrainTimeout, config.DefaultDrainTimeout),
		pools:        make(map[string]*pool, len(app.Pools)),
		logger:       logger,
	}
	p.engine = &engine.Config{
		MaxClientConnections: config.Int(app.MaxClientConnections, config.DefaultMaxClientConnections),
		DrainTimeout:         p.drainTimeout,
	}
	var err error
	if p.console, err = newConsolePlan(app, logger); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	for name := range app.Pools {
		p.names = append(p.names, name)
	}
	slices.Sort(p.names)
	for _, name := range p.names {
		pool, err := newPool(name, app.Pools[name], logger)
		if err != nil {
			return nil, fmt.Errorf("pools.%s: %w", name, err)
		}
		p.pools[name] = pool
		p.engine.Pools = append(p.engine.Pools, enginePool(name, app.Pools[name]))
	}
	if err := p.addLeads(app); err != nil {
		return nil, err
	}
	return p, nil
}

func newPool(name string, c *config.Pool, logger *zap.Logger) (*pool, error) {
	serverTLS, err := newServerTLS(c.ServerTLS, logger)
	if err != nil {
		return nil, err
	}
	found := new(foundAddresses)
	auth, query, err := newAuth(c, serverTLS, found, logger)
	if err != nil {
		return nil, err
	}
	server, err := newServerLogin(c.ServerUser, auth.Credentials, serverTLS)
	if err != nil {
		return nil, err
	}
	health, err := newHealth(c, writtenSecrets(auth.Credentials))
	if err != nil {
		return nil, err
	}
	feed, err := newFeedLogin(c, writtenSecrets(auth.Credentials), serverTLS)
	if err != nil {
		return nil, err
	}
	return &pool{
		name: name, databases: newDatabaseNames(c.Databases), real: c.ServerDatabase,
		auth: auth, server: server, priorities: c.Priority, query: query, found: found,
		upstreams: declared(c.Upstream), health: health, feed: feed,
	}, nil
}

// declared is what package routing is told of upstreams.
func declared(upstreams []*config.Upstream) []routing.Declared {
	out := make([]routing.Declared, len(upstreams))
	for i, u := range upstreams {
		role := routing.Role(roles[config.Word(u.Role, config.Roles)])
		out[i] = routing.Declared{Address: u.Address, Role: role, Weight: config.Int(u.Weight, config.DefaultWeight)}
	}
	return out
}

// invite loads the guest modules of every pool: who picks upstreams, who finds them, and who keeps replies.
func (p *plan) invite(ctx caddy.Context, app *config.App) error {
	for i, name := range p.names {
		var err error
		if p.engine.Pools[i].Policy, err = loadPolicy(ctx, app.Pools[name]); err != nil {
			return fmt.Errorf("pools.%s: %w", name, err)
		}
		if p.pools[name].sources, err = loadSources(ctx, name, app.Pools[name]); err != nil {
			return fmt.Errorf("pools.%s: %w", name, err)
		}
		if p.pools[name].store, err = loadStore(ctx, app.Pools[name]); err != nil {
			return fmt.Errorf("pools.%s: %w", name, err)
		}
		p.engine.Pools[i].Cache.Shared = p.pools[name].store != nil
	}
	return nil
}

// secure makes the TLS of every pool, which needs Caddy's TLS app.
func (p *plan) secure(ctx caddy.Context, app *config.App) error {
	for _, name := range p.names {
		var err error
		if p.pools[name].tls, err = newClientTLS(ctx, app.Pools[name].TLS); err != nil {
			return fmt.Errorf("pools.%s: %w", name, err)
		}
	}
	p.tls = p.anyTLS()
	for _, e := range p.leads {
		e.tls = e.anyTLS()
	}
	return nil
}

// enginePool is what the engine needs to know of one pool.
func enginePool(name string, c *config.Pool) engine.PoolConfig {
	out := engine.PoolConfig{
		Name: name,

		ServerDatabase: c.ServerDatabase,

		Mode: modes[config.Word(c.PoolMode, config.PoolModes)],

		PoolSize:             config.Int((*int)(c.PoolSize), config.DefaultPoolSize),
		MinPoolSize:          config.Int(c.MinPoolSize, 0),
		ReservePoolSize:      config.Int(c.ReservePoolSize, 0),
		ReservePoolTimeout:   config.Duration(c.ReservePoolTimeout, config.DefaultReservePoolTimeout),
		MaxServerConnections: config.Int(c.MaxServerConnections, config.DefaultMaxServerConnections),
		MaxClientConnections: config.Int(c.MaxClientConnections, 0),
		MaxWaitingClients:    config.Int(c.MaxWaitingClients, 0),

		MaxUserClientConnections:    config.Int(c.MaxUserClientConnections, 0),
		MaxAddressClientConnections: config.Int(c.MaxAddressClientConnections, 0),

		QueryWaitTimeout:       config.Duration(c.QueryWaitTimeout, config.DefaultQueryWaitTimeout),
		QueryTimeout:           config.Duration(c.QueryTimeout, 0),
		TransactionTimeout:     config.Duration(c.TransactionTimeout, 0),
		IdleTransactionTimeout: config.Duration(c.IdleTransactionTimeout, 0),
		ClientIdleTimeout:      config.Duration(c.ClientIdleTimeout, 0),
		SlowQuery:              config.Duration(c.SlowQuery, config.DefaultSlowQuery),

		ServerConnectTimeout: config.Duration(c.ServerConnectTimeout, config.DefaultServerConnectTimeout),
		ServerLoginRetry:     config.Duration(c.ServerLoginRetry, config.DefaultServerLoginRetry),
		ServerIdleTimeout:    config.Duration(c.ServerIdleTimeout, config.DefaultServerIdleTimeout),
		ServerLifetime:       config.Duration(c.ServerLifetime, config.DefaultServerLifetime),
		ServerCheckInterval:  config.Duration(c.ServerCheckInterval, config.DefaultServerCheckInterval),
		ServerCheckQuery:     config.String(c.ServerCheckQuery, ""),
		ServerResetQuery:     config.String(c.ServerResetQuery, config.DefaultServerResetQuery),
		ServerReset:          resets[config.Word(c.ServerReset, config.ServerResets)],

		FIFO:                  c.IdleServerOrder == "fifo",
		HiddenState:           true,
		MaxPreparedStatements: config.Int(c.MaxPreparedStatements, config.DefaultMaxPreparedStatements),

		Track:     tracked(c.TrackParameters),
		Pinning:   pinnings[config.Word(c.Pinning, config.Pinnings)],
		MaxPinned: config.Int(c.MaxPinnedServers, 0),

		Split:          c.ReadWriteSplit == "on",
		DeferBegin:     c.DeferBegin == "on",
		Reads:          reads[config.Word(c.Reads, config.ReadTargets)],
		ReadYourWrites: c.ReadYourWrites != "off",
		Health:         trackerSettings(c),
		Cache:          cacheConfig(c.QueryCache),
		Log:            loggedEvents(c.Log),
		Tracing:        c.Tracing == "on",
	}
	if c.PoolSize != nil && *c.PoolSize == config.AutoPoolSize {
		out.AutoSize, out.PoolSize = true, max(config.DefaultPoolSize, out.MinPoolSize)
	}
	if c.ServerUser != nil && out.MinPoolSize > 0 {
		for _, database := range newDatabaseNames(c.Databases).exact() {
			out.Warm = append(out.Warm, engine.Identity{Database: database, User: c.ServerUser.Name})
		}
	}
	for _, u := range c.Upstream {
		out.Upstreams = append(out.Upstreams, engineUpstream(u))
	}
	return out
}

func engineUpstream(u *config.Upstream) engine.Upstream {
	return engine.Upstream{
		Address:              u.Address,
		MaxServerConnections: config.Int(u.MaxServerConnections, 0),
		Role:                 roles[config.Word(u.Role, config.Roles)],
		Weight:               config.Int(u.Weight, config.DefaultWeight),
	}
}

// trackerSettings is how upstreams are judged.
func trackerSettings(c *config.Pool) routing.Settings {
	breaker := c.CircuitBreaker
	if breaker == nil {
		breaker = new(config.CircuitBreaker)
	}
	interval := config.Duration(c.HealthInterval, config.DefaultHealthInterval)
	if !isProbed(c) {
		interval = 0
	}
	return routing.Settings{
		Passes:       config.Int(c.HealthPasses, config.DefaultHealthPasses),
		Fails:        config.Int(c.HealthFails, config.DefaultHealthFails),
		Interval:     interval,
		MaxLag:       config.Duration(c.MaxReplicaLag, config.DefaultMaxReplicaLag),
		SlowStart:    config.Duration(c.LBSlowStart, 0),
		BreakerFails: config.Int(breaker.Fails, config.DefaultBreakerFails),
		BreakerOpen:  config.Duration(breaker.Open, config.DefaultBreakerOpen),
	}
}

// tracked is the names of settings as the engine compares them; nil for all of them.
func tracked(names []string) []string {
	if len(names) == 0 || names[0] == config.AllParameters {
		return nil
	}
	out := make([]string, 0, len(names))
	for _, name := range names {
		if name = strings.ToLower(name); name != config.NoParameters {
			out = append(out, name)
		}
	}
	return out
}

var modes = map[string]engine.Mode{
	"transaction": engine.Transaction,
	"session":     engine.Session,
	"statement":   engine.Statement,
}

var resets = map[string]engine.Reset{
	"dirty":  engine.ResetDirty,
	"always": engine.ResetAlways,
	"never":  engine.ResetNever,
}

var pinnings = map[string]session.Pinning{
	"on":    session.PinningOn,
	"off":   session.PinningOff,
	"error": session.PinningError,
}

var reads = map[string]routing.Reads{
	"prefer_replica": routing.ReadsPreferReplica,
	"replica":        routing.ReadsReplica,
	"primary":        routing.ReadsPrimary,
	"any":            routing.ReadsAny,
}

var roles = map[string]engine.Role{
	"auto":    engine.RoleAuto,
	"primary": engine.RolePrimary,
	"replica": engine.RoleReplica,
}
