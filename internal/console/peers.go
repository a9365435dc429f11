package console

import (
	"strconv"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// peerColumns ends with an id of 8 bytes: PgBouncer's, of 4, counts connections.
var peerColumns = columns{"ssssssisissiiississiq", []string{
	"type", "user", "database", "replication", "state", "addr", "port", "local_addr", "local_port", "connect_time", "request_time",
	"wait", "wait_us", "close_needed", "ptr", "link", "remote_pid", "tls", "application_name", "prepared_statements", "id",
}}

// peer is one end of a connection, as SHOW CLIENTS, SHOW SERVERS and SHOW SOCKETS have it.
type peer struct {
	kind, user, database, state string
	address                     string
	age, since, wait            time.Duration
	closing                     bool
	id, link                    uint64
	pid                         uint32
	tls                         bool
	application                 string
	prepared                    int
}

func (p *peer) row(now time.Time) []any {
	host, port := peerAddress(p.address)
	seconds, micros := wait(p.wait)
	return []any{
		p.kind, p.user, p.database, "none", p.state, host, port, "", 0, stamp(now.Add(-p.age)), stamp(now.Add(-p.since)),
		seconds, micros, asInt(p.closing), pointer(p.id), pointer(p.link), int(p.pid), encryption(p.tls), p.application, p.prepared, p.id,
	}
}

// stamp is a time as PgBouncer writes it.
func stamp(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") }

// pointer stands for the address of an object, by which scripts find a client's server.
func pointer(id uint64) string {
	if id == 0 {
		return ""
	}
	return "0x" + strconv.FormatUint(id, 16)
}

func encryption(tls bool) string {
	if tls {
		return "TLS"
	}
	return ""
}

// clients is every client, in the words of PgBouncer.
func (s *session) clients(t *table) ([]peer, error) {
	rows, places, err := withPlaces(s, s.world.Clients)
	if err != nil {
		return nil, err
	}
	rows = cut(t, "clients", rows)
	out := make([]peer, len(rows))
	for i := range rows {
		c := &rows[i]
		out[i] = peer{
			kind: "C", user: c.Login, database: places.name(place{c.Pool, c.Database}), state: clientState(c.State),
			address: c.Address, age: c.Age, since: c.Since, closing: c.State == "closing",
			id: c.ID, link: c.Server, tls: c.TLS, application: c.Application, prepared: c.Prepared,
		}
		if out[i].user == "" {
			out[i].user = c.User
		}
		if out[i].state == "waiting" {
			out[i].wait = c.Since
		}
	}
	return out, nil
}

// clientState is in PgBouncer's words; what waits for its first greeting waits.
func clientState(ours string) string {
	switch ours {
	case "waiting", "logging_in":
		return "waiting"
	case "active":
		return "active"
	}
	return "idle"
}

// servers is every server, in the words of PgBouncer.
func (s *session) servers(t *table) ([]peer, error) {
	rows, places, err := withPlaces(s, s.world.Servers)
	if err != nil {
		return nil, err
	}
	rows = cut(t, "servers", rows)
	out := make([]peer, len(rows))
	for i := range rows {
		r := &rows[i]
		out[i] = peer{
			kind: "S", user: r.User, database: places.name(place{r.Pool, r.Database}), state: serverState(r),
			address: r.Address, age: r.Age, since: r.Since, closing: r.State == "draining",
			id: r.ID, link: r.Client, pid: r.PID, tls: r.TLS, application: r.Application, prepared: r.Prepared,
		}
	}
	return out, nil
}

func serverState(r *engine.ServerRow) string {
	switch r.State {
	case "checking", "resetting":
		return "tested"
	case "being_canceled", "idle":
		return r.State
	case "draining":
		if r.Client == 0 {
			return "idle"
		}
	}
	return "active"
}

// withPlaces is rows, and what the databases in them are called.
func withPlaces[T any](s *session, ask func(limit int) ([]T, error)) ([]T, *places, error) {
	v, err := s.look()
	if err != nil {
		return nil, nil, err
	}
	rows, err := ask(maxRows + 1)
	return rows, v.places, err
}
