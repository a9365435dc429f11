package caddyfile

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/pgmux/caddy-pgmux/config"
)

// ParsePolicy reads a policy that takes nothing but its name. Syntax:
//
//	lb_policy <name>
func ParsePolicy(d *caddyfile.Dispenser) error {
	p := newGuest(d)
	return p.alone("lb_policy " + p.Val())
}

// ParseHashPolicy reads what is hashed. Syntax:
//
//	lb_policy hash [address|user|database]
//	lb_policy hash comment <name>
//	lb_policy hash setting <name>
func ParseHashPolicy(d *caddyfile.Dispenser, h *config.HashPolicy) error {
	p := newGuest(d)
	if p.NextArg() {
		h.Key = p.Val()
		if !slices.Contains(config.HashKeys, h.Key) {
			last := len(config.HashKeys) - 1
			return p.Errf("lb_policy hash takes %s or %s, and %q is none of them",
				strings.Join(config.HashKeys[:last], ", "), config.HashKeys[last], h.Key)
		}
	}
	if h.Key == "comment" || h.Key == "setting" {
		if !p.NextArg() {
			return p.Errf("lb_policy hash %s needs a name; write it like `lb_policy hash comment tenant`, or `lb_policy hash setting app.tenant`", h.Key)
		}
		h.Name = p.Val()
	}
	if err := p.alone("lb_policy hash"); err != nil {
		return err
	}
	return p.locate(h.Check())
}

// newGuest is a parser of a module's own words; its name has been consumed.
func newGuest(d *caddyfile.Dispenser) *parser {
	d.Next() // the module's name
	p := &parser{Dispenser: d, written: map[string]caddyfile.Token{}}
	p.note("")
	return p
}

// alone insists that nothing else is on this line, and that there is no block.
func (p *parser) alone(name string) error {
	if err := p.end(name); err != nil {
		return err
	}
	if p.NextBlock(p.Nesting()) {
		return p.Errf("%s takes no block; remove it", name)
	}
	return nil
}
