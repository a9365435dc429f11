package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/pgmux/caddy-pgmux/config"
)

// ParseDashboard reads the HTTP handler, behind its matcher. Syntax:
//
//	postgres_dashboard [<matcher>] {
//		title <text>
//	}
func ParseDashboard(d *caddyfile.Dispenser, into *config.Dashboard) error {
	d.Next() // the word postgres_dashboard
	if d.NextArg() {
		return d.Errf("postgres_dashboard takes a matcher, like /postgres*, and %q is none; what it is to show is not chosen here", d.Val())
	}
	p := &parser{Dispenser: d, written: map[string]caddyfile.Token{}}
	if err := block(p, "postgres_dashboard", "", dashboardOptions, into); err != nil {
		return err
	}
	return config.CheckDashboard(into)
}

var dashboardOptions = options[config.Dashboard]{
	"title": word(func(d *config.Dashboard) *string { return &d.Title }),
}
