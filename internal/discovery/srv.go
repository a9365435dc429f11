package discovery

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// SRV is the targets of a service in DNS (RFC 2782).
type SRV struct {
	Name string
	// Refresh is how long an answer is used at most.
	Refresh time.Duration
	// Resolver, where it has servers of its own, is asked for the targets' addresses too: whoever dials asks others.
	Resolver Resolver
}

// Ask implements Source.
func (s *SRV) Ask(ctx context.Context) (Answer, error) {
	answer, err := s.Resolver.lookup(ctx, s.Name, dns.TypeSRV)
	if err != nil {
		return Answer{}, err
	}
	targets := make([]dns.SRV, 0, len(answer.of))
	for _, record := range answer.of {
		targets = append(targets, *record.(*dns.SRV))
	}
	ttl := answer.ttl
	if len(s.Resolver.Servers) > 0 {
		if targets, ttl, err = s.resolve(ctx, targets, ttl); err != nil {
			return Answer{}, err
		}
	}
	return Answer{Upstreams: fromSRV(targets), Again: again(ttl, s.Refresh)}, nil
}

// resolve puts an address in the place of each target's name. A target whose name nobody has is left out.
func (s *SRV) resolve(ctx context.Context, targets []dns.SRV, ttl time.Duration) ([]dns.SRV, time.Duration, error) {
	var out []dns.SRV
	for _, t := range targets {
		found, good, err := s.Resolver.addresses(ctx, t.Target, true, true)
		if err != nil && !errors.Is(err, errNoName) {
			return nil, 0, err
		}
		if len(found) == 0 {
			continue
		}
		t.Target = found[0].String() // IPv4 before IPv6
		out, ttl = append(out, t), min(ttl, good)
	}
	if len(out) == 0 && len(targets) > 0 {
		return nil, 0, errors.New("looking up SRV of " + s.Name + ": no target has an address")
	}
	return out, ttl, nil
}

// The bounds of weights, as in the configuration.
const (
	leastWeight = 1
	mostWeight  = 1000
)

// fromSRV is the upstreams of a service's records: by priority, heavier ones first. A target of a later priority is for when the first
// ones are not there, which nobody can say of shares: it gets 1 beside 1000. The target "." means that there is none.
func fromSRV(targets []dns.SRV) []Upstream {
	targets = slices.DeleteFunc(slices.Clone(targets), func(t dns.SRV) bool { return t.Target == "." })
	slices.SortFunc(targets, func(a, b dns.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Weight, a.Weight),
			strings.Compare(a.Target, b.Target), cmp.Compare(a.Port, b.Port))
	})
	list := make([]Upstream, 0, len(targets))
	for _, t := range targets {
		weight := shareOf(t, targets[0], t.Priority == targets[0].Priority, targets[len(targets)-1].Priority != targets[0].Priority)
		list = append(list, Upstream{
			Address: net.JoinHostPort(strings.TrimSuffix(t.Target, "."), strconv.Itoa(int(t.Port))),
			Weight:  &weight,
		})
	}
	return list
}

// shareOf is the weight of a target: as it is written where all fit, else in proportion to the heaviest, which gets the most.
func shareOf(t, heaviest dns.SRV, first, several bool) int {
	switch {
	case !first:
		return leastWeight
	case heaviest.Weight == 0 && several:
		return mostWeight
	case several || heaviest.Weight > mostWeight:
		return max(leastWeight, int(t.Weight)*mostWeight/int(heaviest.Weight))
	}
	return max(leastWeight, int(t.Weight))
}
