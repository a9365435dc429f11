package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/pgmux/caddy-pgmux/config"
)

// ParseStore reads a store that takes nothing but its name. Syntax:
//
//	store <name>
func ParseStore(d *caddyfile.Dispenser) error {
	p := newGuest(d)
	return p.alone("store " + p.Val())
}

// ParseRedisStore reads where Redis is. Syntax:
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
func ParseRedisStore(d *caddyfile.Dispenser, s *config.RedisStore) (err error) {
	p := newGuest(d)
	if s.Address, err = p.argumentOf("store redis", "an address, like 10.0.0.9:6379"); err != nil {
		return err
	}
	return source(p, "store redis", redisOptions, s)
}

var redisOptions = options[config.RedisStore]{
	"username": word(func(s *config.RedisStore) *string { return &s.Username }),
	"password": word(func(s *config.RedisStore) *string { return &s.Password }),
	"database": number(func(s *config.RedisStore) **int { return &s.Database }),
	"tls":      {read: parseStoreTLS},
	"prefix":   word(func(s *config.RedisStore) *string { return &s.Prefix }),
}

// parseStoreTLS reads how connections to a store are encrypted; its block may be left out. Syntax:
//
//	tls {
//		ca          <file>
//		certificate <file>
//		key         <file>
//		server_name <name>
//	}
func parseStoreTLS(p *parser, path string, s *config.RedisStore) error {
	if err := p.end("tls"); err != nil {
		return err
	}
	s.TLS = new(config.StoreTLS)
	return block(p, "tls", path, storeTLSOptions, s.TLS)
}

var storeTLSOptions = options[config.StoreTLS]{
	"ca":          word(func(t *config.StoreTLS) *string { return &t.CA }),
	"certificate": word(func(t *config.StoreTLS) *string { return &t.Certificate }),
	"key":         word(func(t *config.StoreTLS) *string { return &t.Key }),
	"server_name": word(func(t *config.StoreTLS) *string { return &t.ServerName }),
}
