package adapters

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// listen is the addresses that all pools share: which pool a client gets, its database tells.
func (a *adaptation) listen() (addresses []string, err error) {
	port, err := a.value("listen_port").number()
	if err != nil {
		return nil, err
	}
	if port < 1 || port > 65535 {
		return nil, a.value("listen_port").errorf("is %d, but must be 1 to 65535", port)
	}
	number := strconv.Itoa(port)
	for _, host := range a.value("listen_addr").list() {
		a.warnOfNames(host)
		if address := listenAddress(strings.Trim(host, "[]"), number); !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	socket, err := a.socket(number)
	if err != nil {
		return nil, err
	}
	if socket != "" {
		addresses = append(addresses, socket)
	}
	if len(addresses) == 0 {
		return nil, a.value("unix_socket_dir").errorf("is empty, and so is listen_addr, so that nobody could connect; write `listen_addr = *`")
	}
	return addresses, nil
}

// listenAddress: all addresses are those of both families for *, and of one for 0.0.0.0 and ::, as IPV6_V6ONLY makes it there.
func listenAddress(host, port string) string {
	switch host {
	case "*":
		return ":" + port
	case "0.0.0.0":
		return "tcp4/0.0.0.0:" + port
	case "::":
		return "tcp6/[::]:" + port
	}
	return escaped(net.JoinHostPort(host, port))
}

// warnOfNames: one address has to be there, or Caddy does not start; so a name cannot stand for each that happens to be.
func (a *adaptation) warnOfNames(host string) {
	v := a.value("listen_addr")
	switch {
	case host == "*", net.ParseIP(strings.Trim(host, "[]")) != nil:
	case host == "localhost":
		a.warn(v.at, v.name, "localhost is 127.0.0.1 here, and in PgBouncer also ::1, if the machine has it by that name; write `127.0.0.1, ::1`, if it is wanted")
	default:
		a.warn(v.at, v.name, "%s is one address here, the first of IPv4, and each that the name has in PgBouncer; write the addresses", host)
	}
}

// socket is the Unix socket, where psql looks for it.
func (a *adaptation) socket(port string) (string, error) {
	dir, mode := a.value("unix_socket_dir"), a.value("unix_socket_mode")
	name := strings.TrimSuffix(dir.text, "/") + "/.s.PGSQL." + port
	switch {
	case dir.text == "":
		return "", nil
	case strings.HasPrefix(dir.text, "@"):
		return "unix/" + escaped(name), nil // which has no mode
	}
	bits, err := mode.number()
	if err != nil || bits < 0 || bits > 0o777 {
		return "", mode.errorf("is %q, but must be permissions like 0777", mode.text)
	}
	return fmt.Sprintf("unix/%s|%04o", escaped(absolute(name)), bits), nil
}
