package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	// maxAuthMessageBytes bounds one message of an answer.
	maxAuthMessageBytes = 64 << 10
	// statementTimeout is Postgres's bound for one query: a little less than questionTimeout, so that Postgres tells what
	// was the matter.
	statementTimeout = 4 * time.Second
)

// authConnectTimeout is how long an upstream may take to log us in, before the next is tried. Tests, which share the
// machine, give it longer.
var authConnectTimeout = 2 * time.Second

// authSettings are the settings of every connection for questions: whatever a client sets does not reach it, and what a
// StartupMessage sets goes before what ALTER ROLE and ALTER DATABASE have set. With search_path as it is, names in the
// query mean what they mean in pg_catalog, and others need their schema (CVE-2025-12819).
var authSettings = []Setting{
	{"search_path", "pg_catalog"},
	{"application_name", "pgmux_auth"},
	{"default_transaction_read_only", "on"},
	{"statement_timeout", fmt.Sprint(statementTimeout.Milliseconds())},
	{"client_encoding", "UTF8"},
	{"DateStyle", "ISO"},
	{"TimeZone", "UTC"},
}

// roleQuery asks what the catalog has on the role, and for the server's time: VALID UNTIL is by that.
const roleQuery = "SELECT (SELECT rolvaliduntil FROM pg_catalog.pg_roles WHERE rolname = $1), pg_catalog.clock_timestamp()"

const textOID = 25

var errNoUpstream = errors.New("no upstream is known yet")

// dialAuthServers connects to the first upstream that answers. One that says it will never have us ends the search
// too: so would the next, and the error would be hidden behind the next one's.
func dialAuthServers(ctx context.Context, cfg AuthQueryConfig, database string) (authServer, error) {
	addresses := cfg.Upstreams
	if cfg.Found != nil {
		addresses = slices.Concat(addresses, cfg.Found())
	}
	if len(addresses) == 0 {
		return nil, errNoUpstream
	}
	var errs []error
	for _, address := range addresses {
		server, err := dialAuthServer(ctx, cfg, address, database)
		if err == nil {
			return server, nil
		}
		errs = append(errs, err)
		if IsPermanent(err) || ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// dialAuthServer logs in as [Dial] does, and leaves what comes then to pgconn. pgconn could log in too, but reads the
// process's environment as it does, which nobody here has asked for: PGSERVICE cannot be overruled.
func dialAuthServer(ctx context.Context, cfg AuthQueryConfig, address, database string) (authServer, error) {
	target := Target{
		Address: address, User: cfg.User, Secret: cfg.Secret, Database: database, Startup: authSettings, TLS: cfg.TLS,
	}
	ctx, cancel := context.WithTimeout(ctx, authConnectTimeout)
	defer cancel()
	conn, err := open(ctx, target, "query_user")
	if err != nil {
		return nil, err
	}
	return newPgconnServer(conn)
}

// pgconnServer is a connection that asks by the extended protocol.
type pgconnServer struct{ conn *pgconn.PgConn }

func newPgconnServer(conn net.Conn) (authServer, error) {
	pg, err := pgconn.Construct(&pgconn.HijackedConn{
		Conn: conn, TxStatus: 'I', ParameterStatuses: map[string]string{}, CustomData: map[string]any{},
		Config: &pgconn.Config{
			BuildFrontend:             pgproto3.NewFrontend,
			MaxProtocolMessageBodyLen: maxAuthMessageBytes,
			BuildContextWatcherHandler: func(c *pgconn.PgConn) ctxwatch.Handler {
				return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
			},
			OnPgError: func(_ *pgconn.PgConn, e *pgconn.PgError) bool { return e.SeverityUnlocalized == "ERROR" },
			// It is for cancels only. A question that is given up ends by its statement_timeout.
			DialFunc: func(context.Context, string, string) (net.Conn, error) { return nil, errors.ErrUnsupported },
		},
	})
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("preparing a connection for questions: %w", err)
	}
	return &pgconnServer{pg}, nil
}

func (s *pgconnServer) usable() bool { return !s.conn.IsClosed() && s.conn.TxStatus() == 'I' }

func (s *pgconnServer) close() {
	ctx, cancel := context.WithTimeout(context.Background(), lingerTime)
	defer cancel()
	s.conn.Close(ctx)
}

// ask asks for the user's row and its role at once.
func (s *pgconnServer) ask(ctx context.Context, query, user string) (authRow, error) {
	row := authRow{asked: time.Now()}
	name, text := [][]byte{[]byte(user)}, []uint32{textOID}
	p := s.conn.StartPipeline(ctx)
	p.SendQueryParams(query, name, text, nil, nil)
	p.SendQueryParams(roleQuery, name, text, nil, nil)
	err := p.Sync()
	if err == nil {
		err = row.read(p)
	}
	if closing := p.Close(); err == nil {
		err = closing
	}
	if isNoName(err) {
		return authRow{}, nil
	}
	return row, explainQuestion(err)
}

// read reads both answers.
func (r *authRow) read(p *pgconn.Pipeline) error {
	first, width, err := firstRow(p)
	if err != nil {
		return err
	}
	if width < 2 || width > 3 {
		return fmt.Errorf("the auth query returns %d columns: return the user, the secret and, if you like, until when it is valid", width)
	}
	r.columns, r.found = first, first != nil
	role, _, err := firstRow(p)
	if err != nil {
		return fmt.Errorf("reading the role's VALID UNTIL: %w", err)
	}
	if len(role) != 2 {
		return fmt.Errorf("the server answers with %d columns where two were asked for", len(role))
	}
	r.until = role[0]
	r.now, err = parseTimestamp(string(role[1]))
	return err
}

// firstRow is the first row of the next answer, nil if there is none, and how many columns it has.
func firstRow(p *pgconn.Pipeline) (row [][]byte, width int, err error) {
	results, err := p.GetResults()
	if err != nil {
		return nil, 0, err
	}
	rows, ok := results.(*pgconn.ResultReader)
	if !ok {
		return nil, 0, fmt.Errorf("the server answers a question with %T", results)
	}
	width = len(rows.FieldDescriptions())
	if rows.NextRow() {
		row = make([][]byte, 0, width)
		for _, value := range rows.Values() {
			if value != nil {
				value = append([]byte{}, value...)
			}
			row = append(row, value)
		}
	}
	_, err = rows.Close()
	return row, width, err
}

// isNoName tells of errors which say that the name is none that the database could have: its encoding has no such
// letters.
func isNoName(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "22P05"
}

// explainQuestion adds the likely cure.
func explainQuestion(err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err
	}
	cure := ""
	switch e.Code {
	case insufficientPrivilege:
		cure = "query_user may not read this: let the query call a SECURITY DEFINER function that may (pg_authid and pg_shadow are for superusers)"
	case "57014":
		cure = fmt.Sprintf("the query has to answer within %s", statementTimeout)
	case "25006":
		cure = "the query may only read"
	case protocolViolation, "42P18", "42P02":
		cure = "the query has one parameter, $1, which is the user"
	case "42P01", "42883", "42703", "3F000":
		cure = "search_path is pg_catalog: write names of other schemas with their schema"
	case syntaxError:
		cure = "correct `query` of auth"
	default:
		return fmt.Errorf("the auth query fails: %w", err)
	}
	return fmt.Errorf("the auth query fails: %w: %s", err, cure)
}
