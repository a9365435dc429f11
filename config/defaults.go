package config

import (
	"time"

	"github.com/caddyserver/caddy/v2"
)

// What a setting is when nothing is written.
const (
	DefaultMaxClientConnections  = 1 << 20
	DefaultClientLoginTimeout    = 60 * time.Second
	DefaultDrainTimeout          = 30 * time.Second
	DefaultPoolSize              = 20
	DefaultMaxServerConnections  = 1000
	DefaultQueryWaitTimeout      = 30 * time.Second
	DefaultServerConnectTimeout  = 5 * time.Second
	DefaultServerLoginRetry      = time.Second
	DefaultServerIdleTimeout     = 10 * time.Minute
	DefaultServerLifetime        = 30 * time.Minute
	DefaultServerResetQuery      = "DISCARD ALL"
	DefaultMaxPreparedStatements = 1000
	DefaultReservePoolTimeout    = 5 * time.Second
	DefaultServerCheckInterval   = 30 * time.Second
	DefaultQueryTTL              = 10 * time.Second
	DefaultSlowQuery             = time.Second
	DefaultWeight                = 1
	DefaultMaxReplicaLag         = 10 * time.Second
	DefaultHealthInterval        = 2 * time.Second
	DefaultHealthTimeout         = time.Second
	DefaultHealthPasses          = 1
	DefaultHealthFails           = 2
	DefaultHealthDatabase        = "postgres"
	DefaultBreakerFails          = 5
	DefaultBreakerOpen           = 10 * time.Second
	DefaultCacheSize             = 256 * MiB
	DefaultCacheEntrySize        = MiB
	DefaultPublication           = "pgmux"
	DefaultAuthQuery             = "SELECT rolname, rolpassword, rolvaliduntil FROM pg_catalog.pg_authid WHERE rolname = $1 AND rolcanlogin"
)

// The words that options take, the default first.
var (
	IODrivers        = []string{"auto", "io_uring", "epoll"}
	PoolModes        = []string{"transaction", "session", "statement"}
	Roles            = []string{"auto", "primary", "replica"}
	IdleServerOrders = []string{"lifo", "fifo"}
	AuthMethods      = []string{"scram-sha-256", "md5", "plain", "cert", "trust"}
	KnownUsers       = []string{"off", "on"}
	ServerResets     = []string{"dirty", "always", "never"}
	Pinnings         = []string{"on", "off", "error"}
	ClientTLSModes   = []string{"require", "disable", "allow", "verify-ca", "verify-full"}
	ServerTLSModes   = []string{"prefer", "disable", "require", "verify-ca", "verify-full"}
	PriorityKinds    = []string{"user", "database", "application_name"}
	PriorityLevels   = []string{"normal", "high", "low"}
	ReadWriteSplits  = []string{"off", "on"}
	DeferBegins      = []string{"off", "on"}
	ReadTargets      = []string{"prefer_replica", "replica", "primary", "any"}
	ReadYourWrites   = []string{"on", "off"}
	Tracings         = []string{"off", "on"}
	Invalidations    = []string{"writes", "wal"}
	CacheMatches     = []string{"all", "hinted", "tables"}
)

// LogEvents is what `log` can name; AllLogEvents and NoLogEvents stand alone.
var (
	LogEvents        = []string{"connections", "disconnections", "errors", "pins"}
	DefaultLogEvents = []string{"errors"}
)

// The words that log takes in place of events.
const (
	AllLogEvents = "all"
	NoLogEvents  = "none"
)

// The words that track_parameters takes in place of names.
const (
	AllParameters = "*"
	NoParameters  = "none"
)

// Bounds of numbers.
const (
	// MaxEventLoops is far beyond what one machine's network can feed.
	MaxEventLoops = 256
	// MaxMaxPreparedStatements keeps a server's table of statements below some 100 MiB on the side of Postgres.
	MaxMaxPreparedStatements = 100_000
	// MaxWeight keeps the sum of all weights of a pool far from where its arithmetic ends.
	MaxWeight = 1000
	// MaxHealthCount bounds health_passes and health_fails: with more, nothing would ever change.
	MaxHealthCount = 100
	// MaxBreakerFails is far beyond what a pool tries in a row.
	MaxBreakerFails = 1000
	// LeastHealthInterval keeps probes from being the load of an upstream.
	LeastHealthInterval = 10 * time.Millisecond
	// MaxUpstreams bounds the upstreams of one pool, those that sources find included. Each is probed over a connection of its own.
	MaxUpstreams = 1000
	// LeastCacheTTL is shorter than it takes to ask twice; what is less was mostly meant as seconds, and is a number of nanoseconds.
	LeastCacheTTL = time.Millisecond
	// MaxCacheEntrySize is about the largest message that Postgres sends: a reply is kept in one piece.
	MaxCacheEntrySize = GiB
)

// Int is *p, or the default where nothing is written.
func Int(p *int, or int) int {
	if p == nil {
		return or
	}
	return *p
}

// Duration is *p, or the default where nothing is written.
func Duration(p *caddy.Duration, or time.Duration) time.Duration {
	if p == nil {
		return or
	}
	return time.Duration(*p)
}

// Bytes is *p, or the default where nothing is written.
func Bytes(p *Size, or Size) Size {
	if p == nil {
		return or
	}
	return *p
}

// String is *p, or the default where nothing is written.
func String(p *string, or string) string {
	if p == nil {
		return or
	}
	return *p
}

// Word is s, or the first of the words where nothing is written.
func Word(s string, words []string) string {
	if s == "" {
		return words[0]
	}
	return s
}
