package engine

import (
	"strconv"
	"strings"
)

// limits counts the clients of one declared pool by where they come from and by whom they have logged in as. Whoever has
// no client any more is not in it. Under Engine.mu.
type limits struct {
	addresses map[string]int
	logins    map[string]loginID
	// counts is by loginID, with gaps; 0 is nobody.
	counts []login
	gaps   []loginID
}

// loginID stands for the name of a user in the slots of clients, which have no pointers.
type loginID uint32

type login struct {
	name    string
	clients int
}

// hostOf is the address of a client without its port: what counts as one address. Empty: it has none, as with Unix
// sockets. The zone of an IPv6 address does not count.
func hostOf(address string) string {
	if address == "" || address[0] == '/' || address[0] == '@' {
		return ""
	}
	if address[0] == '[' {
		address = address[1:]
		if i := strings.IndexAny(address, "]%"); i >= 0 {
			address = address[:i]
		}
		return address
	}
	if i := strings.IndexByte(address, ':'); i >= 0 && i == strings.LastIndexByte(address, ':') {
		address = address[:i]
	}
	address, _, _ = strings.Cut(address, "%")
	return address
}

// enter counts a client of that address in; false if there are as many as may be.
func (l *limits) enter(address string, limit int) bool {
	host := hostOf(address)
	if host == "" {
		return true
	}
	n := l.addresses[host]
	switch {
	case limit > 0 && n >= limit:
		return false
	case l.addresses == nil:
		l.addresses = map[string]int{}
	}
	if n == 0 {
		host = strings.Clone(host)
	}
	l.addresses[host] = n + 1
	return true
}

// exit counts it out.
func (l *limits) exit(address string) {
	host := hostOf(address)
	if host == "" {
		return
	}
	switch n := l.addresses[host]; n {
	case 0:
		panic("bug: engine: a client has left an address that it had not come from")
	case 1:
		delete(l.addresses, host)
	default:
		l.addresses[host] = n - 1
	}
}

// logIn counts a client of that user in; 0 if there are as many as may be.
func (l *limits) logIn(name string, limit int) loginID {
	id, known := l.logins[name]
	if known && limit > 0 && l.counts[id].clients >= limit {
		return 0
	}
	if !known {
		id = l.newLogin(strings.Clone(name))
	}
	l.counts[id].clients++
	return id
}

func (l *limits) newLogin(name string) (id loginID) {
	if l.logins == nil {
		l.logins, l.counts = map[string]loginID{}, make([]login, 1)
	}
	if n := len(l.gaps); n > 0 {
		id = l.gaps[n-1]
		l.gaps = l.gaps[:n-1]
	} else {
		id = loginID(len(l.counts))
		l.counts = append(l.counts, login{})
	}
	l.counts[id].name = name
	l.logins[name] = id
	return id
}

// logOut counts it out; 0 is nobody.
func (l *limits) logOut(id loginID) {
	if id == 0 {
		return
	}
	one := &l.counts[id]
	if one.clients--; one.clients > 0 {
		return
	}
	delete(l.logins, one.name)
	*one = login{}
	if len(l.logins) == 0 { // the storm of names is over
		l.logins, l.counts, l.gaps = nil, nil, nil
		return
	}
	l.gaps = append(l.gaps, id)
}

// loginOf is whom a client has logged in as.
func (s *Shard) loginOf(c *client) string {
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	return s.pools[c.pool].shared.template.limits.counts[c.login].name
}

func refusedAddress(pool, host string, limit int) *Refusal {
	r := refusedFull("max_address_client_connections of pool "+pool, limit)
	r.Detail += " " + host + " has as many connections."
	return r
}

func refusedUser(pool, user string, limit int) *Refusal {
	return &Refusal{
		SQLState: "53300",
		Message:  "too many connections for user " + strconv.Quote(user),
		Detail:   "max_user_client_connections of pool " + pool + " is " + strconv.Itoa(limit) + ".",
		Hint:     "Close connections that are not needed, or raise the limit.",
	}
}
