package poolhandler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/pgmux/caddy-pgmux/config"
)

// placed is an address that a plan wants listened at, and the first pool that wants it.
type placed struct {
	config.ListenAddress
	pool string
}

// addLeads finds out where to listen, and which pools each address leads to.
func (p *plan) addLeads(app *config.App) error {
	p.leads = make(map[string]*plan)
	for _, name := range p.names {
		for _, text := range app.Pools[name].Listen {
			all, err := config.ParseListen(text)
			if err != nil {
				return fmt.Errorf("pools.%s.listen: %w", name, err)
			}
			for _, address := range all {
				p.addLead(name, address)
			}
		}
	}
	slices.SortFunc(p.listen, func(a, b placed) int { return strings.Compare(a.String(), b.String()) })
	for _, l := range p.listen {
		if err := p.leads[l.String()].unambiguous(l); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) addLead(name string, address config.ListenAddress) {
	key := address.String()
	e := p.leads[key]
	if e == nil {
		e = &plan{pools: make(map[string]*pool)}
		p.leads[key] = e
		p.listen = append(p.listen, placed{address, name})
	}
	e.names = append(e.names, name)
	e.pools[name] = p.pools[name]
}

// unambiguous tells why a database does not tell the pool among those of an address.
func (p *plan) unambiguous(l placed) error {
	if entry, one, other := p.ambiguous(); entry != "" {
		return fmt.Errorf("pools %s and %s both listen at %s and both have %q in databases, so a database does not tell the pool; "+
			"write other databases, or another address", one, other, l, entry)
	}
	return nil
}

// checkLayer4 tells whether layer4 is to listen where a pool does: the kernel would let it, and give each some of the clients.
func (a *App) checkLayer4() error {
	if len(a.plan.listen) == 0 {
		return nil
	}
	app, err := a.ctx.AppIfConfigured("layer4")
	if err != nil {
		return nil // there is none
	}
	theirs := addressesOf(app.(*layer4.App))
	for _, l := range a.plan.listen {
		if server, both := theirs[samePlace(l.ListenAddress)]; both {
			return fmt.Errorf("pools.%s.listen: layer4's server %s listens at %s too, and clients would go to one or the other by chance; "+
				"remove one of them", l.pool, server, l)
		}
	}
	return nil
}

// addressesOf is where layer4 listens, and the names of its servers.
func addressesOf(app *layer4.App) map[string]string {
	theirs := make(map[string]string)
	repl := caddy.NewReplacer()
	for name, server := range app.Servers {
		for _, text := range server.Listen {
			all, err := config.ParseListen(repl.ReplaceAll(text, ""))
			if err != nil {
				continue // another network
			}
			for _, address := range all {
				theirs[samePlace(address)] = name
			}
		}
	}
	return theirs
}

// samePlace is the same for addresses that clients reach in the same way. One address of a host, and all of them, are not: the
// kernel prefers the one that is told more exactly.
func samePlace(a config.ListenAddress) string {
	switch a.Host {
	case "0.0.0.0", "::":
		a.Host = ""
	}
	if a.Port != 0 {
		a.Network = "tcp"
	}
	return a.String()
}
