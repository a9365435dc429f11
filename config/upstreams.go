package config

import (
	"time"

	"github.com/caddyserver/caddy/v2"
)

// StaticUpstreams is the source `static`: a list that never changes, as `upstream` has it.
type StaticUpstreams struct {
	// Upstreams are the addresses. Required: at least one.
	Upstreams []*Upstream `json:"upstreams,omitempty"`
}

// DNSClient is whom a source asks in DNS.
type DNSClient struct {
	// Refresh is how long an answer of DNS is used at most; sooner it is asked again when the answer's time to live ends, but not
	// twice in a second. Default: 1m. At least 1s.
	Refresh *caddy.Duration `json:"refresh,omitempty"`

	// Resolvers are DNS servers to ask, `address` or `address:port`, the first that answers. Default: those of
	// /etc/resolv.conf, with its search list.
	Resolvers []string `json:"resolvers,omitempty"`
}

// AUpstreams is the source `a`: the addresses that a name has in DNS (A and AAAA), each an upstream of weight 1. What they are is
// found out (role auto). An upstream is its address here and not its name: with `server_tls verify-full`, write `server_name`.
type AUpstreams struct {
	// Host is the name. Placeholders are resolved when the configuration is loaded. Required.
	Host string `json:"host"`

	// Port is Postgres's there. Default: 5432.
	Port *int `json:"port,omitempty"`

	// Versions are the kinds of addresses that are used: `ipv4`, `ipv6`. Default: both.
	Versions []string `json:"versions,omitempty"`

	DNSClient
}

// SRVUpstreams is the source `srv`: the targets of a service in DNS (RFC 2782), host and port, each an upstream. What they are is
// found out (role auto). Upstreams are in the order of their priority, which lb_policy `first` goes by; the weights of the first
// priority are theirs, brought to 1 to 1000, and those of a later one are 1, beside 1000.
//
// Where `resolvers` are written, they are asked for the targets' addresses too, and an upstream is then an address. Without them it is
// the target's name, which is looked up for each connection, and which verify-full takes the certificate to be for.
type SRVUpstreams struct {
	// Name is the service's: `_postgresql._tcp.db.internal`. Placeholders are resolved when the configuration is loaded. Required.
	Name string `json:"name"`

	DNSClient
}

// WebClient is how a source asks over HTTP.
type WebClient struct {
	// Interval is how often it is asked. Default: 2s for patroni, 10s for http. At least 100ms.
	Interval *caddy.Duration `json:"interval,omitempty"`

	// Timeout is how long an answer may take. Default: 5s. At least 1ms.
	Timeout *caddy.Duration `json:"timeout,omitempty"`

	// BasicAuth is the user and the password that are shown. Default: none.
	BasicAuth *ServerUser `json:"basic_auth,omitempty"`

	// CA is a PEM file with the certificates of authorities that may have issued the web server's certificate, read when the
	// configuration is loaded. Default: the system's.
	CA string `json:"ca,omitempty"`

	// Certificate and Key are PEM files with what we show web servers that ask for a client's certificate. Both or none. They are
	// read again when they change.
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`

	// ServerName is what the web server's certificate has to be for, instead of the host of the URL.
	ServerName string `json:"server_name,omitempty"`
}

// PatroniUpstreams is the source `patroni`: the members of a cluster as Patroni's REST API has them (`GET /cluster`) that run. Who
// leads is found out by probes of our own, which are faster than Patroni's view and true when that is not (role auto); a member tagged
// nofailover is declared a replica. A replica tagged noloadbalance is left out until it leads.
type PatroniUpstreams struct {
	// URLs are where Patroni answers, the first that does: `http://10.0.0.1:8008`. The path /cluster is ours. One is enough, and
	// all members are better. Placeholders are resolved when the configuration is loaded. Required: at least one.
	URLs []string `json:"urls,omitempty"`

	WebClient
}

// HTTPUpstreams is the source `http`: a list in JSON that a web server has, whose entries are as those of `upstream`:
//
//	[
//		{"address": "10.0.0.1:5432", "role": "primary"},
//		{"address": "10.0.0.2:5432", "role": "replica", "weight": 2, "max_server_connections": 100}
//	]
//
// All but the address may be left out. An empty list means that there is none. It is asked for with If-None-Match, where the answer had an
// ETag. A status other than 200 and 304, and a list that cannot be understood, leave the one known before.
type HTTPUpstreams struct {
	// URL is where the list is. Placeholders are resolved when the configuration is loaded. Required.
	URL string `json:"url"`

	WebClient
}

// What the sources' settings are when nothing is written.
const (
	DefaultPort            = 5432
	DefaultRefresh         = time.Minute
	DefaultPatroniInterval = 2 * time.Second
	DefaultHTTPInterval    = 10 * time.Second
	DefaultWebTimeout      = 5 * time.Second
)

// IPVersions are the kinds of addresses that the source `a` may use.
var IPVersions = []string{"ipv4", "ipv6"}

// Bounds of how often sources ask.
const (
	LeastRefresh     = time.Second
	LeastWebInterval = 100 * time.Millisecond
)
