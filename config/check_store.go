package config

import (
	"fmt"
	"strings"
)

// Check says what cannot work. The path of the Problem begins below the store.
func (s *RedisStore) Check() error {
	return asError(first(
		s.checkAddress("address"),
		s.checkUser("username"),
		atLeast("database", s.Database, 0, "Redis numbers its databases from 0"),
		s.TLS.check("tls", s.isSocket()),
		s.checkPrefix("prefix"),
	))
}

// isSocket reports whether the address is the path of a socket.
func (s *RedisStore) isSocket() bool { return strings.HasPrefix(s.Address, "unix/") }

func (s *RedisStore) checkAddress(path string) *Problem {
	switch {
	case s.Address == "":
		return &Problem{path, "is missing; write where Redis is, like `store redis 10.0.0.9:6379`"}
	case strings.Contains(s.Address, "://"):
		return &Problem{path, fmt.Sprintf("is %q, but a store takes no URL, which would be logged with its password; write host:port, like `store redis 10.0.0.9:6379`, "+
			"and the rest as options", s.withoutUser())}
	case s.isSocket() && !HasPlaceholder(s.Address):
		if dir := strings.TrimPrefix(s.Address, "unix/"); !strings.HasPrefix(dir, "/") || strings.HasSuffix(dir, "/") {
			return &Problem{path, fmt.Sprintf("is %q; a socket is written unix//path, like unix//run/redis/redis.sock", s.Address)}
		}
		return nil
	}
	if problem := checkAddress(path, s.Address); problem != nil {
		problem.Says = strings.ReplaceAll(strings.ReplaceAll(problem.Says, "5432", "6379"), "Postgres's", "Redis's")
		return problem
	}
	return nil
}

// withoutUser is the address without what stands before an @.
func (s *RedisStore) withoutUser() string {
	scheme, rest, _ := strings.Cut(s.Address, "://")
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}

func (s *RedisStore) checkUser(path string) *Problem {
	if s.Username != "" && s.Password == "" {
		return &Problem{path, "has no password; write `password <secret>` too"}
	}
	return nil
}

func (t *StoreTLS) check(path string, socket bool) *Problem {
	switch {
	case t == nil:
		return nil
	case socket:
		return &Problem{path, "is written, but the address is a socket of this machine; remove it"}
	case t.Certificate != "" && t.Key == "":
		return &Problem{path + ".certificate", "has no key; write `key <file>` too"}
	case t.Key != "" && t.Certificate == "":
		return &Problem{path + ".key", "has no certificate; write `certificate <file>` too"}
	}
	return nil
}

func (s *RedisStore) checkPrefix(path string) *Problem {
	switch {
	case HasPlaceholder(s.Prefix):
		return nil
	case len(s.Prefix) > MaxStorePrefix:
		return &Problem{path, fmt.Sprintf("has %d characters, but must have %d at most; write a shorter one", len(s.Prefix), MaxStorePrefix)}
	case strings.ContainsAny(s.Prefix, "{}* \t\r\n"):
		return &Problem{path, fmt.Sprintf("is %q; write letters, digits, and signs like . : - _", s.Prefix)}
	}
	return nil
}
