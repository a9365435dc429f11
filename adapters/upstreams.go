package adapters

import (
	"encoding/json"
	"net"
	"strings"

	"github.com/pgmux/caddy-pgmux/config"
)

// putUpstreams: each host is one. In PgBouncer all have to be alike, as connections go to any of them; here it is found out what they are.
func (a *adaptation) putUpstreams(d *database, p *config.Pool) error {
	hosts, err := a.hosts(d)
	if err != nil {
		return err
	}
	role, err := d.role()
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, host := range hosts {
		address, err := d.address(host)
		if err != nil {
			return err
		}
		if !seen[address] {
			p.Upstream = append(p.Upstream, &config.Upstream{Address: address, Role: role})
		}
		seen[address] = true
	}
	if len(p.Upstream) > 1 {
		return a.putPolicy(d, p)
	}
	return nil
}

// hosts is those of the line, or the directory of the sockets.
func (a *adaptation) hosts(d *database) ([]string, error) {
	hosts, dir := value{text: d.get("host", "")}.list(), a.value("unix_socket_dir").text
	switch {
	case len(hosts) > 0:
		return hosts, nil
	case dir == "":
		return nil, d.at.errorf("database %s has no host, and there is no unix_socket_dir; write `host=`", d.name)
	case strings.HasPrefix(dir, "@"):
		return []string{dir}, nil
	}
	return []string{absolute(dir)}, nil
}

// address is an upstream's. A host may be a name, an address without brackets, or the directory of a socket.
func (d *database) address(host string) (string, error) {
	port := d.get("port", "5432")
	switch {
	case strings.HasPrefix(host, "@"):
		return "", d.at.errorf("database %s: the socket %s is in the abstract namespace, where upstreams cannot be; give Postgres a directory "+
			"(unix_socket_directories)", d.name, host)
	case strings.HasPrefix(host, "/"):
		return "unix/" + escaped(host) + ":" + escaped(port), nil
	}
	return escaped(net.JoinHostPort(strings.Trim(host, "[]"), port)), nil
}

// role is what target_session_attrs says of the hosts.
func (d *database) role() (string, error) {
	v, ok := d.keys["target_session_attrs"]
	if !ok {
		return "", nil
	}
	word, err := v.word("any", "read-write", "read-only", "primary", "standby")
	if word == "standby" || word == "read-only" {
		return "replica", err
	}
	return "", err
}

func (a *adaptation) putPolicy(d *database, p *config.Pool) error {
	v, written := d.keys["load_balance_hosts"]
	if !written {
		v.text = "round-robin"
	}
	word, err := v.word("round-robin", "disable")
	if err != nil {
		return err
	}
	p.LBPolicy = json.RawMessage(`{"policy":"round_robin"}`)
	if word == "disable" {
		p.LBPolicy = json.RawMessage(`{"policy":"first"}`)
	}
	a.warn(d.at, d.name, "has several hosts: those that are down are left out, and if one of them is the primary, replicas get transactions only "+
		"while there is none; `read_write_split on` (not with pool_mode session) sends them those that read. pool_size, min_pool_size and "+
		"reserve_pool_size count for each host that takes transactions here, and over all of them in PgBouncer")
	return nil
}
