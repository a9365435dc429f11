package config

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// checkRouting is where transactions go.
func (p *Pool) checkRouting(path string) *Problem {
	return first(
		checkPolicy(path+".lb_policy", p.LBPolicy),
		notNegative(path+".lb_slow_start", p.LBSlowStart, "0 means that an upstream that is back gets its share at once"),
		oneOf(path+".read_write_split", p.ReadWriteSplit, ReadWriteSplits),
		oneOf(path+".defer_begin", p.DeferBegin, DeferBegins),
		oneOf(path+".reads", p.Reads, ReadTargets),
		notNegative(path+".max_replica_lag", p.MaxReplicaLag, "0 means that a replica may be as late as it likes"),
		oneOf(path+".read_your_writes", p.ReadYourWrites, ReadYourWrites),
		p.checkSplit(path),
		p.checkReads(path),
	)
}

// checkSplit refuses a split that has nothing to split, or nobody who takes the writes.
func (p *Pool) checkSplit(path string) *Problem {
	if p.DeferBegin == "on" && p.ReadWriteSplit != "on" && !p.QueryCache.On() {
		return &Problem{path + ".defer_begin", "is on, but neither read_write_split nor query_cache is, so a BEGIN has nothing to wait for; " +
			"write `read_write_split on`, or a query_cache, or remove defer_begin"}
	}
	if p.ReadWriteSplit != "on" {
		return nil
	}
	path += ".read_write_split"
	switch {
	case p.PoolMode == "session":
		return &Problem{path, "is on, but pool_mode is session, and a session keeps one server for all it does; " +
			"write `pool_mode transaction`, or remove read_write_split"}
	case p.allDeclared("replica"):
		return &Problem{path, "is on, but every upstream is declared a replica, so writes could go nowhere; " +
			"add the primary, write `role auto`, or remove read_write_split"}
	case Duration(p.HealthInterval, DefaultHealthInterval) == 0 && len(p.DynamicUpstreams) == 0 && !p.anyDeclared("replica"):
		return &Problem{path, "is on, but health_interval is 0, so nobody finds out which upstream is a replica; " +
			"write `role replica` where one is, or remove health_interval"}
	}
	return nil
}

// checkReads refuses reads that could go nowhere.
func (p *Pool) checkReads(path string) *Problem {
	if p.Reads == "replica" && p.allDeclared("primary") {
		return &Problem{path + ".reads", "is replica, but every upstream is declared the primary, so reads could go nowhere; " +
			"add a replica, write `role auto`, or `reads prefer_replica`"}
	}
	return nil
}

// allDeclared reports that every upstream that there will ever be is declared to be of this role.
func (p *Pool) allDeclared(role string) bool {
	for _, u := range p.Upstream {
		if u != nil && u.Role != role {
			return false
		}
	}
	return len(p.DynamicUpstreams) == 0
}

func (p *Pool) anyDeclared(role string) bool {
	for _, u := range p.Upstream {
		if u != nil && u.Role == role {
			return true
		}
	}
	return false
}

// checkHealth is how upstreams are asked, and given up.
func (p *Pool) checkHealth(path string) *Problem {
	return first(
		p.checkHealthInterval(path+".health_interval"),
		positive(path+".health_timeout", p.HealthTimeout),
		between(path+".health_passes", p.HealthPasses, 1, MaxHealthCount, "it is how many answers in a row bring an upstream back"),
		between(path+".health_fails", p.HealthFails, 1, MaxHealthCount, "it is how many answers in a row may be missing"),
		p.HealthUser.check(path+".health_user", "health_user"),
		p.CircuitBreaker.check(path+".circuit_breaker"),
	)
}

func (p *Pool) checkHealthInterval(path string) *Problem {
	const hint = "0 means never"
	if problem := notNegative(path, p.HealthInterval, hint); problem != nil {
		return problem
	}
	if d := Duration(p.HealthInterval, DefaultHealthInterval); d > 0 && d < LeastHealthInterval {
		return &Problem{path, fmt.Sprintf("is %v, but must be at least %v; %s", d, LeastHealthInterval, hint)}
	}
	return nil
}

func (b *CircuitBreaker) check(path string) *Problem {
	if b == nil {
		return nil
	}
	return first(
		between(path+".fails", b.Fails, 0, MaxBreakerFails, "0 means that it never opens"),
		positive(path+".open", b.Open),
	)
}

func checkPolicy(path string, written json.RawMessage) *Problem {
	if written == nil {
		return nil
	}
	return checkGuest(path, "policy", "lb_policy least_conn", written)
}

func checkGuests(path, key, example string, written []json.RawMessage) *Problem {
	for i, text := range written {
		if p := checkGuest(path+"."+strconv.Itoa(i), key, example, text); p != nil {
			return p
		}
	}
	return nil
}

// checkGuest looks for the name of a module, which is loaded later; what else there is is the module's own.
func checkGuest(path, key, example string, written json.RawMessage) *Problem {
	var named map[string]json.RawMessage
	var name string
	if err := json.Unmarshal(written, &named); err != nil || json.Unmarshal(named[key], &name) != nil || name == "" {
		return &Problem{path, fmt.Sprintf("does not say which; it is an object with the name in %q, and in a Caddyfile a line like `%s`", key, example)}
	}
	return nil
}
