package caddyfile

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/pgmux/caddy-pgmux/config"
)

// parsePolicy reads who picks an upstream; what stands behind its name, and in its block, is the policy's own. Syntax:
//
//	lb_policy round_robin|least_conn|random|hash|first|weighted_round_robin|peak_ewma|<other> ...
func parsePolicy(p *parser, _ string, pool *config.Pool) (err error) {
	pool.LBPolicy, err = p.guest("postgres.selection_policies", "policy", "policy")
	return err
}

// parseDynamicUpstreams reads one source of upstreams; what stands behind its name, and in its block, is the source's own. Syntax:
//
//	dynamic_upstreams a|srv|patroni|http|static|<other> ...
func parseDynamicUpstreams(p *parser, path string, pool *config.Pool) error {
	p.note(path + "." + strconv.Itoa(len(pool.DynamicUpstreams)))
	source, err := p.guest("postgres.upstreams", "source", "source")
	pool.DynamicUpstreams = append(pool.DynamicUpstreams, source)
	return err
}

// guest reads a guest module of a namespace: its name, and what the module itself reads. Its JSON has the name under the key.
func (p *parser) guest(namespace, what, key string) (json.RawMessage, error) {
	option := p.Val()
	known := guestNames(namespace)
	if !p.NextArg() {
		return nil, p.Errf("%s needs the name of a %s; there are %s", option, what, strings.Join(known, ", "))
	}
	name := p.Val()
	id := namespace + "." + name
	if _, err := caddy.GetModule(id); err != nil {
		return nil, p.noGuest(what, name, known)
	}
	module, err := caddyfile.UnmarshalModule(p.Dispenser, id)
	if err != nil {
		return nil, err
	}
	return caddyconfig.JSONModuleObject(module, key, name, nil), nil
}

// noGuest refuses a name that no module has, with the one that was probably meant.
func (p *parser) noGuest(what, name string, known []string) error {
	if near := config.Nearest(name, known); near != "" {
		return p.Errf("there is no %s %q; did you mean %s?", what, name, near)
	}
	return p.Errf("there is no %s %q; there are %s, and those that plug-ins add", what, name, strings.Join(known, ", "))
}

// guestNames is the modules that are plugged in, sorted.
func guestNames(namespace string) []string {
	var names []string
	for _, m := range caddy.GetModules(namespace) {
		names = append(names, m.ID.Name())
	}
	return names
}

// parseCircuitBreaker reads when an upstream is given up for a while. Syntax:
//
//	circuit_breaker off|<fails> [<open>]
func parseCircuitBreaker(p *parser, _ string, pool *config.Pool) error {
	const wanted = "off, or a number of failures and how long it then stays open, like `circuit_breaker 5 10s`"
	text, err := p.argument(wanted)
	if err != nil {
		return err
	}
	pool.CircuitBreaker = new(config.CircuitBreaker)
	fails := 0
	if text != "off" {
		if fails, err = strconv.Atoi(text); err != nil {
			return p.Errf("circuit_breaker takes %s; %q is neither", wanted, text)
		}
		if err := p.breakerOpen(pool.CircuitBreaker); err != nil {
			return err
		}
	}
	pool.CircuitBreaker.Fails = &fails
	return p.end("circuit_breaker")
}

// breakerOpen reads how long it stays open, which may be left out.
func (p *parser) breakerOpen(into *config.CircuitBreaker) error {
	if !p.NextArg() {
		return nil
	}
	d, err := caddy.ParseDuration(p.Val())
	if err != nil {
		return p.Errf("circuit_breaker takes a duration as its second word, and %q is none; write a number with its unit, like 10s", p.Val())
	}
	open := caddyDuration(d)
	into.Open = &open
	return nil
}
