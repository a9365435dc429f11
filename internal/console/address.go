package console

import (
	"net"
	"strconv"
	"strings"
)

// unixHost is what PgBouncer has for the address of a Unix socket.
const unixHost = "unix"

// splitAddress is host and port of `host:port`, or directory and port of `unix//directory:port`; 0 where there is no port.
func splitAddress(address string) (host string, port int) {
	if path, isUnix := strings.CutPrefix(address, "unix/"); isUnix {
		if i := strings.LastIndexByte(path, ':'); i >= 0 {
			port, _ = strconv.Atoi(path[i+1:])
			path = path[:i]
		}
		return path, port
	}
	host, number, err := net.SplitHostPort(address)
	if err != nil {
		return address, 0
	}
	port, _ = strconv.Atoi(number)
	return host, port
}

// peerAddress is the address of one end of a connection as PgBouncer shows it: of a Unix socket it has no path.
func peerAddress(address string) (host string, port int) {
	if address == "" {
		return "", 0
	}
	host, port = splitAddress(address)
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
		return unixHost, port
	}
	return host, port
}
