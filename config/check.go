package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Problem is a setting that cannot work.
type Problem struct {
	// Path is where it stands, in the JSON below the app: `pools.app.pool_size`, steps joined by dots.
	Path string
	// Says is what is wrong and what would be right.
	Says string
}

// Error names the setting and the cure.
func (p *Problem) Error() string { return p.Path + ": " + p.Says }

// Check returns the first Problem, in an order that does not depend on maps; nil if there is none. Strings with
// placeholders pass: check again once they are resolved.
func Check(a *App) error {
	if p := a.check(); p != nil {
		return p
	}
	return nil
}

func (a *App) check() *Problem {
	if p := first(
		between("event_loops", a.EventLoops, 1, MaxEventLoops, "leave it out for one loop per CPU"),
		oneOf("io_driver", a.IODriver, IODrivers),
		atLeast("max_client_connections", a.MaxClientConnections, 1, "leave it out for the default"),
		positive("client_login_timeout", a.ClientLoginTimeout),
		notNegative("drain_timeout", a.DrainTimeout, "0 means that nobody waits"),
		a.Console.check("console"),
	); p != nil {
		return p
	}
	for _, name := range sortedKeys(a.Pools) {
		path := "pools." + name
		if p := checkPoolName(path, name); p != nil {
			return p
		}
		if a.Pools[name] == nil {
			return &Problem{path, "is null; write the pool's settings, or remove it"}
		}
		if p := a.Pools[name].check(path); p != nil {
			return p
		}
	}
	return nil
}

// first is the first Problem that is one.
func first(problems ...*Problem) *Problem {
	for _, p := range problems {
		if p != nil {
			return p
		}
	}
	return nil
}

func atLeast(path string, n *int, least int, hint string) *Problem {
	if n == nil || *n >= least {
		return nil
	}
	return &Problem{path, fmt.Sprintf("is %d, but must be at least %d; %s", *n, least, hint)}
}

func between(path string, n *int, least, most int, hint string) *Problem {
	if n == nil || *n >= least && *n <= most {
		return nil
	}
	return &Problem{path, fmt.Sprintf("is %d, but must be %d to %d; %s", *n, least, most, hint)}
}

func positive(path string, d *caddy.Duration) *Problem {
	if d == nil || time.Duration(*d) >= time.Millisecond {
		return nil
	}
	return &Problem{path, fmt.Sprintf("is %v, but must be at least 1ms; write a duration like 5s", time.Duration(*d))}
}

func notNegative(path string, d *caddy.Duration, hint string) *Problem {
	if d == nil || *d >= 0 {
		return nil
	}
	return &Problem{path, fmt.Sprintf("is %v, but a time cannot be negative; %s", time.Duration(*d), hint)}
}

func oneOf(path, word string, words []string) *Problem {
	if word == "" || slices.Contains(words, word) {
		return nil
	}
	says := fmt.Sprintf("is %q, but must be one of %s", word, strings.Join(words, ", "))
	if near := Nearest(word, words); near != "" {
		says += fmt.Sprintf("; did you mean %s?", near)
	}
	return &Problem{path, says}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
