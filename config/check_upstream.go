package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

func (p *Pool) checkUpstreams(path string) *Problem {
	if len(p.Upstream) == 0 && len(p.DynamicUpstreams) == 0 {
		return &Problem{path, "has no upstream; add a line like `upstream 127.0.0.1:5432`"}
	}
	if len(p.Upstream) > MaxUpstreams {
		return &Problem{path + ".upstream", fmt.Sprintf("has %d addresses, but must have %d at most; make several pools of it", len(p.Upstream), MaxUpstreams)}
	}
	seen := make(map[string]bool, len(p.Upstream))
	for i, u := range p.Upstream {
		at := path + ".upstream." + strconv.Itoa(i)
		if u == nil {
			return &Problem{at, "is null; write its address"}
		}
		if seen[u.Address] {
			return &Problem{at, fmt.Sprintf("has the address %s a second time; remove one", u.Address)}
		}
		seen[u.Address] = true
		if p := u.check(at); p != nil {
			return p
		}
	}
	return checkGuests(path+".dynamic_upstreams", "source", "dynamic_upstreams srv _postgresql._tcp.db.internal", p.DynamicUpstreams)
}

func (u *Upstream) check(path string) *Problem {
	return first(
		checkAddress(path, u.Address),
		oneOf(path+".role", u.Role, Roles),
		between(path+".weight", u.Weight, 1, MaxWeight, "one of weight 3 gets three times what one of weight 1 gets"),
		atLeast(path+".max_server_connections", u.MaxServerConnections, 0, "0 means the pool's"),
	)
}

// CheckUpstream returns what is wrong with an upstream that somebody has found, nil if nothing is. It stands for itself: no
// placeholder will be resolved any more.
func CheckUpstream(u *Upstream) error {
	if HasPlaceholder(u.Address) {
		return &Problem{"upstream", fmt.Sprintf("has the address %q, but placeholders are not resolved here; write host:port", u.Address)}
	}
	if p := u.check("upstream"); p != nil {
		return p
	}
	return nil
}

// checkAddress takes host:port and unix//directory:port. The directory begins with a slash of its own, so that
// unix//run/postgresql:5432 means /run/postgresql/.s.PGSQL.5432.
func checkAddress(path, address string) *Problem {
	if HasPlaceholder(address) {
		return nil
	}
	if address == "" {
		return &Problem{path, "has no address; write host:port, like 127.0.0.1:5432"}
	}
	if dir, ok := strings.CutPrefix(address, "unix/"); ok {
		dir, port, found := strings.Cut(dir, ":")
		if !strings.HasPrefix(dir, "/") || !found || !validPort(port) {
			return &Problem{path, fmt.Sprintf("has the address %q; a socket is written unix//directory:port, like unix//run/postgresql:5432", address)}
		}
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return &Problem{path, fmt.Sprintf("has the address %q, which is not host:port; %s", address, portHint(address))}
	}
	if host == "" {
		return &Problem{path, fmt.Sprintf("has the address %q without a host; write one, like 127.0.0.1%s", address, address)}
	}
	if !validPort(port) {
		return &Problem{path, fmt.Sprintf("has the port %q; write a number from 1 to 65535, Postgres's is 5432", port)}
	}
	return nil
}

func portHint(address string) string {
	if strings.Count(address, ":") > 1 && !strings.HasPrefix(address, "[") {
		return fmt.Sprintf("an IPv6 address needs brackets: [%s]:5432", address)
	}
	return fmt.Sprintf("add the port: %s:5432", strings.TrimSuffix(address, ":"))
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// HasPlaceholder reports a {placeholder} that is to be resolved when the configuration is loaded.
func HasPlaceholder(s string) bool {
	_, rest, found := strings.Cut(s, "{")
	return found && strings.Contains(rest, "}")
}
