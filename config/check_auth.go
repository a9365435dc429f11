package config

import (
	"fmt"
	"strings"
)

func (a *Auth) check(pool string, tls *ClientTLS) *Problem {
	path := pool + ".auth"
	if a == nil {
		return &Problem{pool, "lets nobody log in; add `auth { user <name> <secret> }`, a users_file, or `method trust`"}
	}
	return first(
		oneOf(path+".method", a.Method, AuthMethods),
		a.checkUsers(path),
		a.checkQuery(path),
		a.checkKnownUsers(path+".known_users"),
		a.checkSomebody(path),
		a.checkCertificates(path, tls),
	)
}

func (a *Auth) checkUsers(path string) *Problem {
	for _, name := range sortedKeys(a.User) {
		at := path + ".user." + name
		if name == "" {
			return &Problem{at, "has no name; write `user <name> <secret>`"}
		}
		if a.User[name] == "" {
			return &Problem{at, "has no secret; write a password or a placeholder like {env.PASSWORD}"}
		}
	}
	return nil
}

// checkKnownUsers refuses to let nobody in, and to say what is so with other methods anyway.
func (a *Auth) checkKnownUsers(path string) *Problem {
	if problem := oneOf(path, a.KnownUsers, KnownUsers); problem != nil || a.KnownUsers != "on" {
		return problem
	}
	if method := Word(a.Method, AuthMethods); method != "trust" && method != "cert" {
		return &Problem{path, fmt.Sprintf("is on, but method %s lets in nobody else anyway; remove it, or write `method trust` or `method cert`", method)}
	}
	if len(a.User) == 0 && a.UsersFile == "" && a.QueryUser == nil {
		return &Problem{path, "is on, but nobody is known; add `user <name> <secret>`, a users_file or a query_user, or remove it"}
	}
	return nil
}

// checkSomebody refuses a method that needs secrets where there is no place for them.
func (a *Auth) checkSomebody(path string) *Problem {
	switch Word(a.Method, AuthMethods) {
	case "trust", "cert":
		return nil
	}
	if len(a.User) == 0 && a.UsersFile == "" && a.QueryUser == nil {
		return &Problem{path, "lets nobody log in; add `user <name> <secret>`, a users_file, a query_user, or `method trust`"}
	}
	return nil
}

// checkQuery is about asking Postgres for secrets: query_user alone turns it on.
func (a *Auth) checkQuery(path string) *Problem {
	if a.QueryUser == nil {
		const says = "is written, but no query_user who asks; write `query_user <name> <secret>`"
		switch {
		case a.Query != "":
			return &Problem{path + ".query", says}
		case a.QueryDatabase != "":
			return &Problem{path + ".query_database", says}
		case a.QueryTTL != nil:
			return &Problem{path + ".query_ttl", says}
		}
		return nil
	}
	if a.Query != "" && !hasFirstParameter(a.Query) {
		return &Problem{path + ".query", "has no $1, so every user would get the same secret; write $1 where the user's name goes"}
	}
	return first(
		a.QueryUser.check(path+".query_user", "query_user"),
		notNegative(path+".query_ttl", a.QueryTTL, "0 means that every login asks"),
	)
}

// hasFirstParameter finds $1, and not $10.
func hasFirstParameter(query string) bool {
	for {
		_, rest, found := strings.Cut(query, "$1")
		if !found {
			return false
		}
		if rest == "" || rest[0] < '0' || rest[0] > '9' {
			return true
		}
		query = rest
	}
}

// checkCertificates: method cert cannot do without certificates, and cert_user says nothing where they name nobody.
func (a *Auth) checkCertificates(path string, tls *ClientTLS) *Problem {
	if a.Method == "cert" && !tls.asksForCertificates() {
		return &Problem{path + ".method", "is cert, but clients are not asked for certificates; " +
			"write `tls verify-ca { client_ca <file> }`"}
	}
	if len(a.CertUser) == 0 {
		return nil
	}
	if a.Method != "cert" && (tls == nil || tls.Mode != "verify-full") {
		return &Problem{path + ".cert_user", "is written, but certificates name nobody here; write `method cert`, or `tls verify-full`"}
	}
	for _, name := range sortedKeys(a.CertUser) {
		if p := checkCertUser(path+".cert_user."+name, name, a.CertUser[name]); p != nil {
			return p
		}
	}
	return nil
}

func checkCertUser(path, commonName string, users []string) *Problem {
	if commonName == "" {
		return &Problem{path, "has no name; write `cert_user <common name> <user>…`"}
	}
	if len(users) == 0 {
		return &Problem{path, "has no users; write whom that certificate may log in as"}
	}
	seen := make(map[string]bool, len(users))
	for _, user := range users {
		switch {
		case user == "":
			return &Problem{path, "has an empty user; write whom that certificate may log in as"}
		case seen[user]:
			return &Problem{path, fmt.Sprintf("has %s twice; remove one", user)}
		}
		seen[user] = true
	}
	return nil
}

func (u *ServerUser) check(path, option string) *Problem {
	if u != nil && u.Name == "" {
		return &Problem{path, fmt.Sprintf("has no name; write `%s <name> <secret>`", option)}
	}
	return nil
}
