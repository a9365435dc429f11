package poolhandler

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	caddyfiletokens "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/pgmux/caddy-pgmux/caddyfile"
	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/routing"
)

func init() {
	caddy.RegisterModule((*RoundRobinPolicy)(nil))
	caddy.RegisterModule((*WeightedRoundRobinPolicy)(nil))
	caddy.RegisterModule((*LeastConnPolicy)(nil))
	caddy.RegisterModule((*RandomPolicy)(nil))
	caddy.RegisterModule((*FirstPolicy)(nil))
	caddy.RegisterModule((*PeakEWMAPolicy)(nil))
	caddy.RegisterModule((*HashPolicy)(nil))
}

// loadPolicy is the policy of a pool. A guest in the namespace `postgres.selection_policies` is a [routing.Policy].
func loadPolicy(ctx caddy.Context, c *config.Pool) (routing.Policy, error) {
	if c.LBPolicy == nil {
		return new(routing.LeastConn), nil
	}
	copied := *c // loading takes the text away
	module, err := ctx.LoadModule(&copied, "LBPolicy")
	if err != nil {
		return nil, fmt.Errorf("lb_policy: %w", err)
	}
	policy, ok := module.(routing.Policy)
	if !ok {
		return nil, fmt.Errorf("lb_policy: the module %T is no routing.Policy; it was made for another version", module)
	}
	return policy, nil
}

// RoundRobinPolicy gives the upstreams a transaction each in turn, whatever their weights.
type RoundRobinPolicy struct {
	routing.RoundRobin `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (*RoundRobinPolicy) CaddyModule() caddy.ModuleInfo {
	return policyInfo("round_robin", func() caddy.Module { return new(RoundRobinPolicy) })
}

// UnmarshalCaddyfile reads the policy. Syntax:
//
//	lb_policy round_robin
func (*RoundRobinPolicy) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParsePolicy(d)
}

// WeightedRoundRobinPolicy gives the upstreams transactions in turn, to each in proportion to its weight, evenly spread.
type WeightedRoundRobinPolicy struct {
	routing.WeightedRoundRobin `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (*WeightedRoundRobinPolicy) CaddyModule() caddy.ModuleInfo {
	return policyInfo("weighted_round_robin", func() caddy.Module { return new(WeightedRoundRobinPolicy) })
}

// UnmarshalCaddyfile reads the policy. Syntax:
//
//	lb_policy weighted_round_robin
func (*WeightedRoundRobinPolicy) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParsePolicy(d)
}

// LeastConnPolicy takes the upstream with the fewest transactions for its weight, those that wait included. It is the default.
type LeastConnPolicy struct {
	routing.LeastConn `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (*LeastConnPolicy) CaddyModule() caddy.ModuleInfo {
	return policyInfo("least_conn", func() caddy.Module { return new(LeastConnPolicy) })
}

// UnmarshalCaddyfile reads the policy. Syntax:
//
//	lb_policy least_conn
func (*LeastConnPolicy) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParsePolicy(d)
}

// RandomPolicy takes an upstream by chance, each as often as its weight says.
type RandomPolicy struct {
	routing.Random `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (*RandomPolicy) CaddyModule() caddy.ModuleInfo {
	return policyInfo("random", func() caddy.Module { return new(RandomPolicy) })
}

// UnmarshalCaddyfile reads the policy. Syntax:
//
//	lb_policy random
func (*RandomPolicy) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParsePolicy(d)
}

// FirstPolicy takes the first upstream, in the order in which they are written or found: the others get transactions only while it
// may not have them.
type FirstPolicy struct {
	routing.First `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (*FirstPolicy) CaddyModule() caddy.ModuleInfo {
	return policyInfo("first", func() caddy.Module { return new(FirstPolicy) })
}

// UnmarshalCaddyfile reads the policy. Syntax:
//
//	lb_policy first
func (*FirstPolicy) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParsePolicy(d)
}

// PeakEWMAPolicy takes the better of two upstreams drawn by chance, by how long queries have taken there lately, where
// peaks count more than what is better, times how many transactions run there: for upstreams that are not equally fast, or not
// always.
type PeakEWMAPolicy struct {
	routing.PeakEWMA `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (*PeakEWMAPolicy) CaddyModule() caddy.ModuleInfo {
	return policyInfo("peak_ewma", func() caddy.Module { return new(PeakEWMAPolicy) })
}

// UnmarshalCaddyfile reads the policy. Syntax:
//
//	lb_policy peak_ewma
func (*PeakEWMAPolicy) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParsePolicy(d)
}

// HashPolicy sends equal keys to the same upstream.
type HashPolicy struct {
	config.HashPolicy

	hash routing.Hash
}

// CaddyModule returns the Caddy module information.
func (*HashPolicy) CaddyModule() caddy.ModuleInfo {
	return policyInfo("hash", func() caddy.Module { return new(HashPolicy) })
}

// Provision finds out what is hashed.
func (h *HashPolicy) Provision(caddy.Context) error {
	if err := h.Check(); err != nil {
		return err
	}
	h.hash = routing.Hash{Source: keySources[config.Word(h.Key, config.HashKeys)], Name: h.Name}
	return nil
}

// Select implements [routing.Policy].
func (h *HashPolicy) Select(candidates []routing.Candidate, r *routing.Request) int {
	return h.hash.Select(candidates, r)
}

// KeyOf implements [routing.Keyed].
func (h *HashPolicy) KeyOf() (routing.KeySource, string) { return h.hash.KeyOf() }

// UnmarshalCaddyfile reads the policy. Syntax:
//
//	lb_policy hash [address|user|database]
//	lb_policy hash comment <name>
//	lb_policy hash setting <name>
func (h *HashPolicy) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParseHashPolicy(d, &h.HashPolicy)
}

var keySources = map[string]routing.KeySource{
	"address":  routing.KeyAddress,
	"user":     routing.KeyUser,
	"database": routing.KeyDatabase,
	"comment":  routing.KeyComment,
	"setting":  routing.KeySetting,
}

func policyInfo(name string, make func() caddy.Module) caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID("postgres.selection_policies." + name), New: make}
}

// Interface guards
var (
	_ routing.Policy    = (*RoundRobinPolicy)(nil)
	_ routing.Policy    = (*WeightedRoundRobinPolicy)(nil)
	_ routing.Policy    = (*LeastConnPolicy)(nil)
	_ routing.Policy    = (*RandomPolicy)(nil)
	_ routing.Policy    = (*FirstPolicy)(nil)
	_ routing.Policy    = (*PeakEWMAPolicy)(nil)
	_ routing.Keyed     = (*HashPolicy)(nil)
	_ caddy.Provisioner = (*HashPolicy)(nil)

	_ caddyfiletokens.Unmarshaler = (*RoundRobinPolicy)(nil)
	_ caddyfiletokens.Unmarshaler = (*WeightedRoundRobinPolicy)(nil)
	_ caddyfiletokens.Unmarshaler = (*LeastConnPolicy)(nil)
	_ caddyfiletokens.Unmarshaler = (*RandomPolicy)(nil)
	_ caddyfiletokens.Unmarshaler = (*FirstPolicy)(nil)
	_ caddyfiletokens.Unmarshaler = (*PeakEWMAPolicy)(nil)
	_ caddyfiletokens.Unmarshaler = (*HashPolicy)(nil)
)
