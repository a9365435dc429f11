package login

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// DefaultAuthQuery is asked where there is a user to ask as and no query. Only superusers may read pg_authid.
const DefaultAuthQuery = "SELECT rolname, rolpassword, rolvaliduntil FROM pg_catalog.pg_authid WHERE rolname = $1 AND rolcanlogin"

// DefaultAuthConnections is how many connections an AuthQuery has at most, unless it is told.
const DefaultAuthConnections = 4

// AuthQueryConfig is how Postgres is asked for users' secrets.
type AuthQueryConfig struct {
	// Query returns the user, its secret as pg_authid has it and, if there is a third column, until when that is valid,
	// for the user $1, a text. Of the rows only the first counts. Empty: DefaultAuthQuery.
	Query string
	// User is who asks, with Secret; in Database, or in the one that the client asks for if that is empty.
	User     string
	Secret   Secret
	Database string
	// Upstreams are where it is asked, as ParseAddress reads them: the first that answers. TLS is how; nil: in clear.
	Upstreams []string
	// Found is more of them, as known at the moment; nil: there are no more.
	Found func() []string
	TLS   *ServerTLS
	// TTL is how long an answer is used; one that there is no such user, a tenth of it. Logins at the same moment share
	// one question, also if it is 0.
	TTL time.Duration
	// Connections bounds the connections, over all databases. 0: DefaultAuthConnections.
	Connections int
	// OnError is told what goes wrong, at most a few times a second; nil: nobody is. It does not block, and may be called
	// by several goroutines at a time.
	OnError func(error)
}

// AuthQuery asks Postgres for users' secrets (PgBouncer: auth_query).
//
// It asks over connections of its own, whose settings are fixed (authSettings). Nothing of a client reaches them but its
// name, as a parameter, and the database that it wants, unless one is configured.
//
// A password that is changed in Postgres works at once: a login that fails with an answer older than a second asks
// again. (By SCRAM it works from the second time: the first proof was made for the old salt.) The old one stops working
// when the answer's time to live is over, at the latest. VALID UNTIL holds to the moment, by the clock of the Postgres
// that was asked, and whatever the query: where that returns no third column, the role's is asked for beside it.
//
// While Postgres cannot be asked, users of whom there is no answer in its time are refused, and those who are in stay.
type AuthQuery struct {
	cfg     AuthQueryConfig
	answers *answers
	servers *authServers
}

// NewAuthQuery does not connect to anything yet.
func NewAuthQuery(cfg AuthQueryConfig) (*AuthQuery, error) {
	if cfg.Query == "" {
		cfg.Query = DefaultAuthQuery
	}
	if cfg.Connections == 0 {
		cfg.Connections = DefaultAuthConnections
	}
	if cfg.OnError == nil {
		cfg.OnError = func(error) {}
	}
	switch {
	case cfg.User == "":
		return nil, errors.New("the auth query needs a user to ask as: write query_user <name> <password>")
	case len(cfg.Upstreams) == 0 && cfg.Found == nil:
		return nil, errors.New("the auth query has no upstream to ask")
	}
	for _, address := range cfg.Upstreams {
		if _, _, err := ParseAddress(address); err != nil {
			return nil, fmt.Errorf("auth query: %w", err)
		}
	}
	q := &AuthQuery{cfg: cfg, servers: newAuthServers(cfg)}
	q.answers = newAnswers(cfg.TTL, q.ask)
	return q, nil
}

// Lookup implements Credentials.
func (q *AuthQuery) Lookup(ctx context.Context, who Identity) (Secret, bool, error) {
	a, err := q.answers.get(ctx, q.where(who))
	return a.secret, a.known, err
}

// Again implements Credentials.
func (q *AuthQuery) Again(ctx context.Context, who Identity, failed Secret) (Secret, bool) {
	a, err := q.answers.again(ctx, q.where(who))
	return a.secret, err == nil && a.known && !a.secret.same(failed)
}

// where is the user, and where it is asked for.
func (q *AuthQuery) where(who Identity) Identity {
	if q.cfg.Database != "" {
		who.Database = q.cfg.Database
	}
	return who
}

// ask asks Postgres. What is wrong with one user's row is that user's misfortune; everything else is an error.
func (q *AuthQuery) ask(ctx context.Context, who Identity) (answer, error) {
	if !utf8.ValidString(who.User) {
		return answer{}, nil // no name; Postgres would log it as an error
	}
	row, err := q.servers.ask(ctx, who)
	if err != nil {
		return answer{}, fmt.Errorf("asking Postgres for the secret of user %q: %w", who.User, err)
	}
	a, err := row.answer(who.User)
	if err != nil {
		q.servers.tell(fmt.Errorf("user %q cannot log in: %w", who.User, err))
	}
	return a, nil
}

// Close closes the connections, those in use after their question. Whoever asks after that gets an error.
func (q *AuthQuery) Close() { q.servers.close() }
