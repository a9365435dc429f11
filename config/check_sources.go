package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Check says what cannot work. The path of the Problem begins below the source.
func (s *StaticUpstreams) Check() error {
	return asError(s.check())
}

func (s *StaticUpstreams) check() *Problem {
	if len(s.Upstreams) == 0 {
		return &Problem{"upstreams", "has no address; write some, like `static 10.0.0.1:5432 10.0.0.2:5432`"}
	}
	for i, u := range s.Upstreams {
		at := "upstreams." + strconv.Itoa(i)
		if u == nil {
			return &Problem{at, "is null; write its address"}
		}
		if p := u.check(at); p != nil {
			return p
		}
	}
	return nil
}

// Check says what cannot work. The path of the Problem begins below the source.
func (a *AUpstreams) Check() error {
	return asError(a.check())
}

func (a *AUpstreams) check() *Problem {
	if a.Host == "" {
		return &Problem{"host", "is missing; write the name whose addresses are upstreams, like `a db.internal 5432`"}
	}
	if _, _, err := net.SplitHostPort(a.Host); err == nil && !HasPlaceholder(a.Host) {
		return &Problem{"host", fmt.Sprintf("is %q, but a name has no port; write the port as a word of its own, like `a db.internal 5432`", a.Host)}
	}
	for _, v := range a.Versions {
		if !slices.Contains(IPVersions, v) {
			return &Problem{"versions", fmt.Sprintf("has %q; write ipv4, ipv6, or both", v)}
		}
	}
	return first(
		between("port", a.Port, 1, 65535, "Postgres's is 5432"),
		a.DNSClient.check(),
	)
}

// Check says what cannot work. The path of the Problem begins below the source.
func (s *SRVUpstreams) Check() error {
	if s.Name == "" {
		return &Problem{"name", "is missing; write the service's name, like `srv _postgresql._tcp.db.internal`"}
	}
	return asError(s.DNSClient.check())
}

func (c *DNSClient) check() *Problem {
	for _, r := range c.Resolvers {
		if !HasPlaceholder(r) && !isResolver(r) {
			return &Problem{"resolvers", fmt.Sprintf("has %q; a resolver is an IP address, with a port or without: 10.0.0.53 or 10.0.0.53:5353", r)}
		}
	}
	return atLeastFor("refresh", c.Refresh, LeastRefresh)
}

func isResolver(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	_, err := netip.ParseAddrPort(s)
	return err == nil
}

// Check says what cannot work. The path of the Problem begins below the source.
func (p *PatroniUpstreams) Check() error {
	if len(p.URLs) == 0 {
		return &Problem{"urls", "is missing; write where Patroni answers, like `patroni http://10.0.0.1:8008`"}
	}
	for _, u := range p.URLs {
		if problem := checkURL("urls", u); problem != nil {
			return problem
		}
	}
	return asError(p.WebClient.check(slices.ContainsFunc(p.URLs, isHTTPS)))
}

// Check says what cannot work. The path of the Problem begins below the source.
func (h *HTTPUpstreams) Check() error {
	if h.URL == "" {
		return &Problem{"url", "is missing; write where the list is, like `http https://inventory.internal/postgres.json`"}
	}
	return asError(first(checkURL("url", h.URL), h.WebClient.check(isHTTPS(h.URL))))
}

func checkURL(path, text string) *Problem {
	if HasPlaceholder(text) {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return &Problem{path, fmt.Sprintf("has %q, which is no URL; write it like http://10.0.0.1:8008", text)}
	}
	if u.User != nil {
		return &Problem{path, "has a user in the URL, which would be logged; write `basic_auth <name> <secret>`"}
	}
	return nil
}

// isHTTPS also holds for what is not known yet.
func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return HasPlaceholder(text) || err == nil && u.Scheme == "https"
}

func (c *WebClient) check(encrypted bool) *Problem {
	switch {
	case !encrypted && (c.CA != "" || c.Certificate != "" || c.Key != "" || c.ServerName != ""):
		return &Problem{c.firstOfTLS(), "is never looked at, as no URL begins with https; write https, or remove it"}
	case c.Certificate != "" && c.Key == "":
		return &Problem{"certificate", "has no key; write `key <file>` too"}
	case c.Key != "" && c.Certificate == "":
		return &Problem{"key", "has no certificate; write `certificate <file>` too"}
	}
	return first(
		atLeastFor("interval", c.Interval, LeastWebInterval),
		positive("timeout", c.Timeout),
		c.BasicAuth.check("basic_auth", "basic_auth"),
	)
}

// firstOfTLS names an option that is written.
func (c *WebClient) firstOfTLS() string {
	switch {
	case c.CA != "":
		return "ca"
	case c.Certificate != "":
		return "certificate"
	case c.Key != "":
		return "key"
	}
	return "server_name"
}

func atLeastFor(path string, d *caddy.Duration, least time.Duration) *Problem {
	if d == nil || time.Duration(*d) >= least {
		return nil
	}
	return &Problem{path, fmt.Sprintf("is %v, but must be at least %v; leave it out for the default", time.Duration(*d), least)}
}

// asError keeps a nil Problem from being an error.
func asError(p *Problem) error {
	if p == nil {
		return nil
	}
	return p
}
