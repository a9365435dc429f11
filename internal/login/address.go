package login

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// defaultPort is in the cure of addresses without one.
const defaultPort = "5432"

// ParseAddress reads an upstream's address, host:port or unix//directory:port, into what net.Dial takes. A Unix
// socket's port is the one in its file's name, as Postgres has it: /directory/.s.PGSQL.5432.
func ParseAddress(address string) (network, target string, err error) {
	directory, isUnix := strings.CutPrefix(address, "unix/")
	if !isUnix {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return "", "", fmt.Errorf("upstream %q is not host:port or unix//directory:port: write for example %s: %w",
				address, net.JoinHostPort("10.0.0.1", defaultPort), err)
		}
		if host == "" || !isPort(port) {
			return "", "", fmt.Errorf("upstream %q needs a host and a port from 1 to 65535: write for example %s",
				address, net.JoinHostPort("10.0.0.1", defaultPort))
		}
		return "tcp", address, nil
	}
	colon := strings.LastIndexByte(directory, ':')
	if colon < 2 || directory[0] != '/' && directory[0] != '@' || !isPort(directory[colon+1:]) {
		return "", "", fmt.Errorf("upstream %q is not unix//directory:port: write for example unix//run/postgresql:%s",
			address, defaultPort)
	}
	return "unix", strings.TrimRight(directory[:colon], "/") + "/.s.PGSQL." + directory[colon+1:], nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}
