package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

func checkUpstreams(path string, upstreams []*Upstream) *Problem {
	if len(upstreams) == 0 {
		return &Problem{path, "has no upstream; add a line like `upstream 127.0.0.1:5432`"}
	}
	seen := make(map[string]bool, len(upstreams))
	for i, u := range upstreams {
		at := path + ".upstream." + strconv.Itoa(i)
		if u == nil {
			return &Problem{at, "is null; write its address"}
		}
		if seen[u.Address] {
			return &Problem{at, fmt.Sprintf("has the address %s a second time; remove one", u.Address)}
		}
		seen[u.Address] = true
		if p := first(
			checkAddress(at, u.Address),
			oneOf(at+".role", u.Role, Roles),
			atLeast(at+".max_server_connections", u.MaxServerConnections, 0, "0 means the pool's"),
		); p != nil {
			return p
		}
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
