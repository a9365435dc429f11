package discovery

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/miekg/dns"
)

// A is the addresses of a name in DNS.
type A struct {
	Host       string
	Port       int
	IPv4, IPv6 bool
	// Refresh is how long an answer is used at most.
	Refresh  time.Duration
	Resolver Resolver
}

// Ask implements Source. What DNS does not know the system may (/etc/hosts), unless certain servers are to be asked.
func (a *A) Ask(ctx context.Context) (Answer, error) {
	found, ttl, err := a.Resolver.addresses(ctx, a.Host, a.IPv4, a.IPv6)
	if err != nil {
		if len(a.Resolver.Servers) > 0 {
			return Answer{}, err
		}
		if found = a.system(ctx); len(found) == 0 {
			return Answer{}, err
		}
		ttl = a.Refresh
	}
	answer := Answer{Upstreams: make([]Upstream, 0, len(found)), Again: again(ttl, a.Refresh)}
	for _, address := range found {
		answer.Upstreams = append(answer.Upstreams, Upstream{Address: net.JoinHostPort(address.String(), strconv.Itoa(a.Port))})
	}
	return answer, nil
}

// system asks the system, which says no time to live.
func (a *A) system(ctx context.Context) (found []netip.Addr) {
	ctx, stop := context.WithTimeout(ctx, dnsTimeout)
	defer stop()
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", a.Host)
	if err != nil {
		return nil
	}
	for _, address := range all {
		address = address.Unmap()
		if address.Is4() && a.IPv4 || address.Is6() && a.IPv6 {
			found = append(found, address)
		}
	}
	return sorted(found)
}

// forever is the time to live of what never changes.
const forever = time.Duration(1<<63 - 1)

// addresses is those of a name, sorted, as servers like to turn them around, and how long that is good.
func (r *Resolver) addresses(ctx context.Context, name string, ipv4, ipv6 bool) ([]netip.Addr, time.Duration, error) {
	if literal, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{literal}, forever, nil
	}
	var found []netip.Addr
	there, absent := forever, forever
	for _, kind := range kinds(ipv4, ipv6) {
		answer, err := r.lookup(ctx, name, kind)
		if err != nil {
			return nil, 0, err
		}
		if len(answer.of) == 0 {
			absent = min(absent, answer.ttl)
			continue
		}
		there = min(there, answer.ttl)
		for _, record := range answer.of {
			found = append(found, addressOf(record))
		}
	}
	if len(found) == 0 {
		return nil, absent, nil
	}
	return sorted(found), there, nil
}

// kinds is the records that addresses are in.
func kinds(ipv4, ipv6 bool) (list []uint16) {
	if ipv4 {
		list = append(list, dns.TypeA)
	}
	if ipv6 {
		list = append(list, dns.TypeAAAA)
	}
	return list
}

func addressOf(record dns.RR) (address netip.Addr) {
	switch record := record.(type) {
	case *dns.A:
		address, _ = netip.AddrFromSlice(record.A)
	case *dns.AAAA:
		address, _ = netip.AddrFromSlice(record.AAAA)
	}
	return address.Unmap()
}

// sorted also leaves out what is there twice.
func sorted(addresses []netip.Addr) []netip.Addr {
	slices.SortFunc(addresses, netip.Addr.Compare)
	return slices.Compact(addresses)
}
