package config

import (
	"fmt"
	"strings"
)

// checkState is what becomes of the state that clients leave in their sessions.
func (p *Pool) checkState(path string) *Problem {
	return first(
		checkTracked(path+".track_parameters", p.TrackParameters),
		oneOf(path+".pinning", p.Pinning, Pinnings),
		atLeast(path+".max_pinned_servers", p.MaxPinnedServers, 0, "0 means no bound but pool_size"),
	)
}

func checkTracked(path string, names []string) *Problem {
	if names != nil && len(names) == 0 {
		return &Problem{path, "is empty; write names of settings, or * for all, or none"}
	}
	seen := make(map[string]bool, len(names))
	for _, written := range names {
		name := strings.ToLower(written)
		if problem := checkParameter(path, written); problem != nil {
			return problem
		}
		if (name == AllParameters || name == NoParameters) && len(names) > 1 {
			return &Problem{path, fmt.Sprintf("has %s beside names; write %[1]s alone, or names alone", name)}
		}
		if seen[name] {
			return &Problem{path, fmt.Sprintf("has %s twice; remove one", name)}
		}
		seen[name] = true
	}
	return nil
}

// checkParameter refuses what cannot be the name of a setting, so that a slip of the pen does not keep servers.
func checkParameter(path, name string) *Problem {
	switch {
	case name == AllParameters:
		return nil
	case name == "":
		return &Problem{path, "has an empty name; write names of settings, or * for all, or none"}
	case strings.EqualFold(name, "all"):
		return &Problem{path, "has all, which is no setting; write * for all"}
	case strings.Contains(name, ","):
		return &Problem{path, fmt.Sprintf("has %q; write each name by itself, without commas", name)}
	case strings.Contains(name, "*"):
		return &Problem{path, fmt.Sprintf("has %q, but a * stands only for all settings, and alone; write each name", name)}
	case !isParameter(name):
		return &Problem{path, fmt.Sprintf("has %q, which cannot be the name of a setting; "+
			"write it as in pg_settings, like search_path, timezone or app.tenant", name)}
	}
	return nil
}

// isParameter reports whether Postgres could have a setting of this name (valid_custom_variable_name of its guc.c):
// identifiers, joined by dots.
func isParameter(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if part == "" {
			return false
		}
		for i := range len(part) {
			c := part[i]
			letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= 0x80
			if !letter && (i == 0 || c != '$' && (c < '0' || c > '9')) {
				return false
			}
		}
	}
	return true
}
