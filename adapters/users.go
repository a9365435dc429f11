package adapters

import (
	"strings"

	"github.com/pgmux/caddy-pgmux/config"
)

// Methods that are refused: what they ask for cannot be had here, and anything else would let in others.
var refusedMethods = map[string]string{
	"hba":  "is hba, and there is no auth_hba_file here; write one method for all, like scram-sha-256, and have addresses told apart by listen_addr or a firewall",
	"pam":  "is pam, which is not there; write scram-sha-256 with an auth_file or an auth_user",
	"ldap": "is ldap, which is not there; write scram-sha-256 with an auth_file or an auth_user",
}

// putLogins is who may log in to a pool, and as whom that logs in to servers.
func (a *adaptation) putLogins(d *database, p *config.Pool) error {
	if user := d.get("user", ""); user != "" {
		p.ServerUser = &config.ServerUser{Name: escaped(user), Secret: escaped(d.get("password", ""))}
	} else if v, ok := d.keys["password"]; ok {
		a.warn(v.at, v.name, "stands without a user, and does not count, as in PgBouncer")
	}
	method, err := a.method(d)
	if err != nil {
		return err
	}
	p.Auth = &config.Auth{Method: method}
	if word := strings.ToLower(a.value("auth_type").text); word == "trust" || word == "cert" {
		p.Auth.KnownUsers = "on" // who is in no file is not let in there either
	}
	if file := a.value("auth_file").text; file != "" {
		p.Auth.UsersFile = escaped(absolute(file))
	}
	if err := a.putQuery(d, p.Auth); err != nil {
		return err
	}
	if p.Auth.UsersFile == "" && p.Auth.QueryUser == nil && (p.Auth.KnownUsers == "on" || method != "trust") {
		return a.value("auth_type").errorf("is %s, but there is neither an auth_file nor an auth_user, so that nobody could log in to database %s; write one", method, d.name)
	}
	return nil
}

// method is auth_type.
func (a *adaptation) method(d *database) (string, error) {
	v := a.value("auth_type")
	word, err := v.word("any", "trust", "plain", "md5", "cert", "hba", "ldap", "pam", "scram-sha-256")
	if err != nil {
		return "", err
	}
	switch word {
	case "hba", "pam", "ldap":
		return "", v.errorf("%s", refusedMethods[word])
	case "any":
		if d.get("user", "") == "" {
			return "", d.at.errorf("database %s has no user, but auth_type is any, which takes it for everybody; write `user=`", d.name)
		}
		word = "trust"
	}
	return word, nil
}

// putQuery: the database's own settings go before those of [pgbouncer].
func (a *adaptation) putQuery(d *database, auth *config.Auth) error {
	user := d.get("auth_user", a.value("auth_user").text)
	if user == "" {
		return nil
	}
	auth.QueryUser = &config.ServerUser{Name: escaped(user)}
	v, own := d.keys["auth_query"]
	if !own {
		v = a.value("auth_query")
	}
	if v.written {
		auth.Query = a.qualified(v)
	}
	return a.putQueryDatabase(d, auth)
}

// putQueryDatabase: auth_dbname is the name of a line of [databases], whose servers have to be the pool's.
func (a *adaptation) putQueryDatabase(d *database, auth *config.Auth) error {
	v, own := d.keys["auth_dbname"]
	if !own {
		v = a.value("auth_dbname")
	}
	if v.text == "" {
		return nil
	}
	where := a.lineOf(v.text)
	if where == nil {
		return v.errorf("is %s, which has no line in [databases]; write one", v.text)
	}
	if where.get("host", "") != d.get("host", "") || where.get("port", "5432") != d.get("port", "5432") {
		return v.errorf("is %s, which is on other servers than database %s; only a pool's own servers are asked here. "+
			"Write a line for it with that host, and auth_dbname= in the line of %[2]s", v.text, d.name)
	}
	auth.QueryDatabase = v.text
	if real := where.real(); real != "" {
		auth.QueryDatabase = real
	}
	return nil
}

// lineOf is the line that a client's database has; nil if there is none.
func (a *adaptation) lineOf(name string) *database {
	for _, line := range []string{name, fallback} {
		if i, ok := a.places[line]; ok {
			return a.databases[i]
		}
	}
	return nil
}
