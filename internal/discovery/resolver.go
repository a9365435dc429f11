package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/miekg/dns"
)

const (
	// dnsTimeout is how long one DNS server may take, and dnsRounds how often each is asked: a datagram may be lost.
	dnsTimeout = 2 * time.Second
	dnsRounds  = 2
	// udpSize is the answer that fits a datagram nowhere cut in pieces (DNS flag day 2020); a longer one comes over TCP.
	udpSize = 1232
	// leastRefresh keeps a time to live of 0 from being a storm.
	leastRefresh = time.Second
)

// errNoName is what DNS says of a name that nobody has (NXDOMAIN). It leaves what was known before: a zone that has lost a name has
// more often been changed wrongly than have all its servers gone, and those that have are found by probes.
var errNoName = errors.New("DNS has no such name")

// resolvConf is where the system's servers are.
const resolvConf = "/etc/resolv.conf"

// Resolver asks DNS, and is told how long an answer is good, which Go's own keeps to itself.
type Resolver struct {
	// Servers are address:port, asked in turn until one answers. Empty: the system's, with its search list.
	Servers []string
}

// records is an answer of DNS: of the kind that was asked for only.
type records struct {
	of  []dns.RR
	ttl time.Duration
}

// lookup asks for the records of a name. None of this kind is an answer too.
func (r *Resolver) lookup(ctx context.Context, name string, kind uint16) (records, error) {
	servers, names, err := r.whom(name)
	if err != nil {
		return records{}, err
	}
	var known *records // by a name that is there, and has none of this kind
	for _, full := range names {
		var answer records
		answer, err = ask(ctx, servers, full, kind)
		if err == nil && len(answer.of) > 0 {
			return answer, nil
		}
		if err == nil && known == nil {
			known = &answer
		}
		if err != nil && !errors.Is(err, errNoName) {
			break
		}
	}
	if known != nil && (err == nil || errors.Is(err, errNoName)) {
		return *known, nil
	}
	return records{}, fmt.Errorf("looking up %s of %s: %w", dns.TypeToString[kind], name, err)
}

// whom is the servers to ask, and the names that the one that is written may stand for.
func (r *Resolver) whom(name string) (servers, names []string, err error) {
	if len(r.Servers) > 0 {
		return r.Servers, []string{dns.Fqdn(name)}, nil
	}
	system, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil {
		return nil, nil, fmt.Errorf("finding the system's DNS servers: %w", err)
	}
	for _, s := range system.Servers {
		servers = append(servers, net.JoinHostPort(s, system.Port))
	}
	return servers, system.NameList(name), nil
}

// ask asks one server after the other. The first that knows ends it, also where it knows that there is no such name.
func ask(ctx context.Context, servers []string, name string, kind uint16) (records, error) {
	err := errors.New("there is no DNS server to ask")
	for range dnsRounds {
		for _, server := range servers {
			var answer *dns.Msg
			if answer, err = exchange(ctx, server, name, kind); err != nil {
				continue
			}
			switch answer.Rcode {
			case dns.RcodeSuccess:
				return only(answer, kind), nil
			case dns.RcodeNameError:
				return records{}, errNoName
			}
			err = fmt.Errorf("DNS server %s says %s", server, dns.RcodeToString[answer.Rcode])
		}
	}
	return records{}, err
}

// exchange asks one server, over TCP where the answer is too long for a datagram.
func exchange(ctx context.Context, server, name string, kind uint16) (*dns.Msg, error) {
	question := new(dns.Msg)
	question.SetQuestion(name, kind)
	question.SetEdns0(udpSize, false)
	answer, _, err := (&dns.Client{Timeout: dnsTimeout}).ExchangeContext(ctx, question, server)
	if err == nil && answer.Truncated {
		answer, _, err = (&dns.Client{Timeout: dnsTimeout, Net: "tcp"}).ExchangeContext(ctx, question, server)
	}
	if err != nil {
		return nil, fmt.Errorf("asking DNS server %s: %w", server, err)
	}
	return answer, nil
}

// only is the records of a kind. Their time to live is the shortest on the way to them, aliases included; where there is none, that
// for which their absence is known (RFC 2308).
func only(answer *dns.Msg, kind uint16) records {
	var out records
	shortest := ^uint32(0)
	for _, record := range answer.Answer {
		shortest = min(shortest, record.Header().Ttl)
		if record.Header().Rrtype == kind {
			out.of = append(out.of, record)
		}
	}
	if len(out.of) == 0 {
		for _, record := range answer.Ns {
			if soa, ok := record.(*dns.SOA); ok {
				shortest = min(shortest, soa.Hdr.Ttl, soa.Minttl)
			}
		}
	}
	if shortest != ^uint32(0) {
		out.ttl = time.Duration(shortest) * time.Second
	}
	return out
}

// again is when to ask again after answers that are good so long.
func again(ttl, refresh time.Duration) time.Duration {
	return min(max(ttl, leastRefresh), refresh)
}
