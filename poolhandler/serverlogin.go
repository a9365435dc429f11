package poolhandler

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// serverLogin is who we are towards the servers of a pool.
type serverLogin struct {
	user    string // empty: the client's
	secret  login.Secret
	clients login.Credentials
	tls     *login.ServerTLS // nil: in clear
}

func newServerLogin(c *config.ServerUser, clients login.Credentials, tls *login.ServerTLS) (serverLogin, error) {
	if c == nil {
		return serverLogin{clients: clients, tls: tls}, nil
	}
	secret, err := secretOf(c, writtenSecrets(clients))
	if err != nil {
		return serverLogin{}, fmt.Errorf("server_user: %w", err)
	}
	return serverLogin{user: c.Name, secret: secret, tls: tls}, nil
}

// target is the server to dial, and who we are there.
func (s serverLogin) target(ctx context.Context, req engine.DialRequest) (login.Target, error) {
	t := login.Target{
		Address: req.Upstream, Database: req.Database, User: s.user, Secret: s.secret,
		Startup: loginSettings(req.Startup), Replication: req.Replication, TLS: s.tls,
	}
	if s.user != "" {
		return t, nil
	}
	t.User = req.User
	if s.clients == nil { // trust
		return t, nil
	}
	var err error
	t.Secret, _, err = s.clients.Lookup(ctx, login.Identity{User: req.User, Database: req.Database})
	if err != nil {
		return t, fmt.Errorf("looking up the password of user %q, to log in to upstream %s: %w", req.User, req.Upstream, err)
	}
	return t, nil
}

// userFor is whom servers for a client log in as: clients for whom that is the same share them.
func (s serverLogin) userFor(client string) string {
	if s.user != "" {
		return s.user
	}
	return client
}

func loginSettings(in []engine.Setting) []login.Setting {
	out := make([]login.Setting, len(in))
	for i, q := range in {
		out[i] = login.Setting(q)
	}
	return out
}

// manyDials is why a dial had no turn.
type manyDials struct{ upstream string }

func (e *manyDials) Error() string {
	return "dialing upstream " + e.upstream + ": " + strconv.Itoa(maxDialsPerUpstream) + " logins to it are under way already, and this one's turn did not come"
}

func (e *manyDials) Unwrap() error { return context.DeadlineExceeded }

// refused says why there is no server, in words for the clients that wait for it, and counts it.
func (h *host) refused(req engine.DialRequest, err error) engine.DialResult {
	refusal := dialRefusal(err)
	h.process.counts.connects.count(dialOutcome(err))
	return engine.DialResult{Refused: refusal}
}

func dialRefusal(err error) *engine.Refusal {
	var server *login.ServerError
	if errors.As(err, &server) {
		return &engine.Refusal{
			SQLState: server.SQLState, Message: server.Message, Detail: server.Detail, Hint: server.Hint,
			Permanent: login.IsPermanent(err), Upstream: server.Raw,
		}
	}
	return &engine.Refusal{
		SQLState:  "08006",
		Message:   err.Error(), // begins with what was tried, and the upstream
		Hint:      dialHint(err),
		Permanent: login.IsPermanent(err),
	}
}

// dialHint is the likely cure.
func dialHint(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "Is the upstream's host name right, and does this machine resolve it?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Is Postgres running there and listening on that port (listen_addresses, port)?"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "Is a firewall in between, or the server overloaded? server_connect_timeout says how long to try."
	case errors.Is(err, os.ErrNotExist):
		return "Is Postgres running, with its socket in that directory (unix_socket_directories)?"
	}
	return ""
}

// dialOutcome is the word for it in the metrics.
func dialOutcome(err error) string {
	var server *login.ServerError
	switch {
	case errors.As(err, &server):
		return "refused"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	}
	return "error"
}

func removedPool(name string) *engine.Refusal {
	return &engine.Refusal{
		SQLState:  "57P01",
		Message:   fmt.Sprintf("pool %q has been removed from the configuration", name),
		Hint:      "Connect again, to a database that another pool has.",
		Permanent: true,
	}
}
