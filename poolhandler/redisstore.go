package poolhandler

import (
	"crypto/tls"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	caddyfiletokens "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/caddyfile"
	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/querycache"
)

func init() {
	caddy.RegisterModule((*RedisStore)(nil))
}

// RedisStore is the store `redis`: processes share their replies by a server of Redis or Valkey.
type RedisStore struct {
	config.RedisStore
	*redisClient
	id redisID
}

// redisID tells clients apart: equal ones are one.
type redisID struct {
	network, address, username, password, prefix string
	database                                     int
	encrypted                                    bool
	tls                                          config.StoreTLS
}

// redisClients is the clients that configurations, and members of fleets, use now.
var redisClients = caddy.NewUsagePool()

// CaddyModule returns the Caddy module information.
func (*RedisStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: storeNamespace + ".redis", New: func() caddy.Module { return new(RedisStore) }}
}

// Provision resolves placeholders and reads files. Nobody is connected to before a reply is to be shared.
func (s *RedisStore) Provision(ctx caddy.Context) error {
	r := &resolver{repl: caddy.NewReplacer()}
	s.RedisStore = r.redisStore(s.RedisStore)
	if r.err != nil {
		return r.err
	}
	if err := s.Check(); err != nil {
		return err
	}
	encryption, err := storeTLS(s.TLS, ctx.Logger())
	if err != nil {
		return err
	}
	s.id = newRedisID(&s.RedisStore)
	client, _, err := redisClients.LoadOrNew(s.id, func() (caddy.Destructor, error) { return newRedisClient(s.id, encryption), nil })
	if err != nil {
		return err
	}
	s.redisClient = client.(*redisClient)
	return nil
}

// Cleanup closes the connections if nobody else uses them.
func (s *RedisStore) Cleanup() error {
	if s.redisClient == nil {
		return nil
	}
	_, err := redisClients.Delete(s.id)
	return err
}

// hold keeps the connections until it is released, also when the configuration that asked for them is gone.
func (s *RedisStore) hold() (release func()) {
	client := s.redisClient
	redisClients.LoadOrStore(s.id, client)
	return func() { redisClients.Delete(s.id) }
}

func newRedisID(c *config.RedisStore) redisID {
	id := redisID{
		address: c.Address, username: c.Username, password: c.Password, database: config.Int(c.Database, 0), prefix: c.Prefix,
		encrypted: c.TLS != nil,
	}
	if id.prefix == "" {
		id.prefix = config.DefaultStorePrefix
	}
	if c.TLS != nil {
		id.tls = *c.TLS
	}
	id.network, id.address = redisNetwork(c.Address)
	return id
}

// storeTLS is how connections to a store are encrypted; nil: not at all.
func storeTLS(c *config.StoreTLS, logger *zap.Logger) (*tls.Config, error) {
	if c == nil {
		return nil, nil
	}
	out, err := webTLS(config.WebClient{CA: c.CA, Certificate: c.Certificate, Key: c.Key, ServerName: c.ServerName}, logger)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return out, nil
}

func (r *resolver) redisStore(c config.RedisStore) config.RedisStore {
	c.Address = r.text("address", c.Address)
	c.Username = r.text("username", c.Username)
	c.Password = r.text("password", c.Password)
	c.Prefix = r.text("prefix", c.Prefix)
	if c.TLS != nil {
		c.TLS = &config.StoreTLS{
			CA: r.text("tls.ca", c.TLS.CA), ServerName: r.text("tls.server_name", c.TLS.ServerName),
			Certificate: r.text("tls.certificate", c.TLS.Certificate), Key: r.text("tls.key", c.TLS.Key),
		}
	}
	return c
}

// UnmarshalCaddyfile reads the store. Syntax:
//
//	store redis <address> {
//		username <name>
//		password <secret>
//		database <number>
//		tls {
//			ca          <file>
//			certificate <file>
//			key         <file>
//			server_name <name>
//		}
//		prefix   <text>
//	}
func (s *RedisStore) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParseRedisStore(d, &s.RedisStore)
}

// Interface guards
var (
	_ querycache.Store            = (*RedisStore)(nil)
	_ caddy.Provisioner           = (*RedisStore)(nil)
	_ caddy.CleanerUpper          = (*RedisStore)(nil)
	_ caddyfiletokens.Unmarshaler = (*RedisStore)(nil)
)
