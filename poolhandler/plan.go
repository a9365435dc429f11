package poolhandler

import (
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// plan is one configuration, resolved and checked: all that connections need to know. It is immutable.
type plan struct {
	eventLoops   int // 0: one per CPU
	ioDriver     string
	loginTimeout time.Duration
	drainTimeout time.Duration
	pools        map[string]*pool
	names        []string // of the pools, sorted
	engine       *engine.Config
	logger       *zap.Logger

	rescuers *rescuers // of this configuration's listeners; nil without them
}

// pool is what logins, ours and the clients', need to know of one pool.
type pool struct {
	name      string
	databases databaseNames
	auth      login.Auth
	server    serverLogin
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
	return p, nil
}

func newPool(name string, c *config.Pool, logger *zap.Logger) (*pool, error) {
	auth, err := newAuth(c.Auth, logger)
	if err != nil {
		return nil, err
	}
	server, err := newServerLogin(c.ServerUser, auth.Credentials)
	if err != nil {
		return nil, err
	}
	return &pool{name: name, databases: newDatabaseNames(c.Databases), auth: auth, server: server}, nil
}

// enginePool is what the engine needs to know of one pool.
func enginePool(name string, c *config.Pool) engine.PoolConfig {
	out := engine.PoolConfig{
		Name: name,
		Mode: modes[config.Word(c.PoolMode, config.PoolModes)],

		PoolSize:             config.Int(c.PoolSize, config.DefaultPoolSize),
		MaxServerConnections: config.Int(c.MaxServerConnections, config.DefaultMaxServerConnections),
		MaxClientConnections: config.Int(c.MaxClientConnections, 0),
		MaxWaitingClients:    config.Int(c.MaxWaitingClients, 0),

		QueryWaitTimeout:     config.Duration(c.QueryWaitTimeout, config.DefaultQueryWaitTimeout),
		ServerConnectTimeout: config.Duration(c.ServerConnectTimeout, config.DefaultServerConnectTimeout),
		ServerLoginRetry:     config.Duration(c.ServerLoginRetry, config.DefaultServerLoginRetry),
		ServerIdleTimeout:    config.Duration(c.ServerIdleTimeout, config.DefaultServerIdleTimeout),
		ServerLifetime:       config.Duration(c.ServerLifetime, config.DefaultServerLifetime),
		ServerResetQuery:     config.String(c.ServerResetQuery, config.DefaultServerResetQuery),

		FIFO:                  c.IdleServerOrder == "fifo",
		MaxPreparedStatements: config.Int(c.MaxPreparedStatements, config.DefaultMaxPreparedStatements),
	}
	for _, u := range c.Upstream {
		out.Upstreams = append(out.Upstreams, engine.Upstream{
			Address:              u.Address,
			MaxServerConnections: config.Int(u.MaxServerConnections, 0),
			Role:                 roles[config.Word(u.Role, config.Roles)],
		})
	}
	return out
}

var modes = map[string]engine.Mode{
	"transaction": engine.Transaction,
	"session":     engine.Session,
	"statement":   engine.Statement,
}

var roles = map[string]engine.Role{
	"auto":    engine.RoleAuto,
	"primary": engine.RolePrimary,
	"replica": engine.RoleReplica,
}
