package config

import (
	"fmt"
	"strings"
)

func (p *Pool) check(path string) *Problem {
	return first(
		checkDatabases(path+".databases", p.Databases),
		checkListen(path+".listen", p.Listen),
		p.checkUpstreams(path),
		checkServerDatabase(path+".server_database", p.ServerDatabase),
		oneOf(path+".pool_mode", p.PoolMode, PoolModes),
		p.checkSizes(path),
		p.checkLimits(path),
		checkPriority(path+".priority", p.Priority),
		p.checkTimeouts(path),
		p.checkReset(path),
		oneOf(path+".idle_server_order", p.IdleServerOrder, IdleServerOrders),
		between(path+".max_prepared_statements", p.MaxPreparedStatements, 0, MaxMaxPreparedStatements, "0 means off"),
		p.checkState(path),
		p.checkRouting(path),
		p.checkHealth(path),
		p.checkCache(path+".query_cache"),
		p.TLS.check(path+".tls"),
		p.ServerTLS.check(path+".server_tls"),
		p.Auth.check(path, p.TLS),
		p.ServerUser.check(path+".server_user", "server_user"),
		checkLog(path+".log", p.Log),
		oneOf(path+".tracing", p.Tracing, Tracings),
	)
}

// maxNameLength is what Postgres keeps of a name (NAMEDATALEN - 1), taken for pool names too.
const maxNameLength = 63

func checkPoolName(path, name string) *Problem {
	switch {
	case name == "":
		return &Problem{path, "has no name; write `pool <name> { … }`"}
	case len(name) > maxNameLength:
		return &Problem{path, fmt.Sprintf("has a name of %d bytes; use at most %d", len(name), maxNameLength)}
	case strings.ContainsAny(name, "/?#{}\" \t\r\n"):
		return &Problem{path, "has a name with a character that a path of the admin API cannot carry; " +
			"use letters, digits, '-', '_' and '.'"}
	}
	return nil
}

// checkServerDatabase takes what Postgres keeps of a name; it would cut a longer one, and its own name would then not be ours.
func checkServerDatabase(path, name string) *Problem {
	switch {
	case len(name) > maxNameLength:
		return &Problem{path, fmt.Sprintf("has a name of %d bytes; Postgres keeps at most %d", len(name), maxNameLength)}
	case strings.ContainsRune(name, 0):
		return &Problem{path, "has a zero byte, which no name in Postgres has; remove it"}
	case strings.Contains(name, "*"):
		return &Problem{path, fmt.Sprintf("is %q, but it is one name, without *; remove it to have servers asked for the client's database", name)}
	}
	return nil
}

func checkDatabases(path string, databases []string) *Problem {
	seen := make(map[string]bool, len(databases))
	for _, d := range databases {
		switch {
		case d == "":
			return &Problem{path, "has an empty name; write names, prefixes ending in *, or * for any"}
		case strings.Contains(strings.TrimSuffix(d, "*"), "*"):
			return &Problem{path, fmt.Sprintf("has %q, but a * may stand only at the end; write one prefix, or several names", d)}
		case seen[d]:
			return &Problem{path, fmt.Sprintf("has %q twice; remove one", d)}
		}
		seen[d] = true
	}
	return nil
}
