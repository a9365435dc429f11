package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// ListenAddress is one socket that clients connect to.
type ListenAddress struct {
	// Network is tcp, tcp4, tcp6, unix or fd.
	Network string
	// Host is the host, the path, or the number of the descriptor.
	Host string
	// Port is 0 for a path or a descriptor.
	Port uint
	// Mode is the permissions of a path, octal; empty: Caddy's default, 0200.
	Mode string
}

// String is the address as it is written, without permissions: equal for sockets that are the same.
func (a ListenAddress) String() string {
	switch {
	case a.Network == "unix", a.Network == "fd":
		return a.Network + "/" + a.Host
	case a.Network == "tcp":
		return caddy.JoinNetworkAddress("", a.Host, strconv.Itoa(int(a.Port)))
	}
	return caddy.JoinNetworkAddress(a.Network, a.Host, strconv.Itoa(int(a.Port)))
}

// maxListenPorts bounds the ports of one range: each is a socket of its own.
const maxListenPorts = 100

// ParseListen reads an address as Caddy writes it: one socket for each port. The error says what is wrong with it.
func ParseListen(text string) ([]ListenAddress, error) {
	a, err := caddy.ParseNetworkAddress(text)
	if err != nil {
		return nil, fmt.Errorf("has %q, which is no address (%w); write one like :6432, 127.0.0.1:6432 or unix//run/pgmux.sock", text, err)
	}
	switch a.Network {
	case "tcp", "tcp4", "tcp6":
		return parseListenPorts(text, a)
	case "unix":
		path, mode, _ := strings.Cut(a.Host, "|")
		if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "@") {
			return nil, fmt.Errorf("has %q, whose path is relative; write unix/ and a path from the root, like unix//run/pgmux.sock", text)
		}
		return []ListenAddress{{Network: a.Network, Host: path, Mode: mode}}, nil
	case "fd":
		if n, err := strconv.ParseUint(a.Host, 10, 31); err != nil || n < 3 {
			return nil, fmt.Errorf("has %q, but fd/ takes the number of a descriptor, 3 or more; systemd passes the first socket as fd/3", text)
		}
		return []ListenAddress{{Network: a.Network, Host: a.Host}}, nil
	}
	return nil, fmt.Errorf("has %q, but Postgres speaks over streams: use tcp, tcp4, tcp6, unix or fd", text)
}

func parseListenPorts(text string, a caddy.NetworkAddress) (all []ListenAddress, err error) {
	switch {
	case a.StartPort == 0:
		return nil, fmt.Errorf("has %q, which has no port; write one like :6432", text)
	case a.PortRangeSize() > maxListenPorts:
		return nil, fmt.Errorf("has %q, which are %d ports; %d are allowed", text, a.PortRangeSize(), maxListenPorts)
	}
	for port := a.StartPort; port <= a.EndPort; port++ {
		all = append(all, ListenAddress{Network: a.Network, Host: a.Host, Port: port})
	}
	return all, nil
}
