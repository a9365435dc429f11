//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// dialect is by which protocol a statement is sent, and in which format its result comes back.
type dialect struct {
	name   string
	mode   pgx.QueryExecMode
	format int16
	// executes tells that the statement is sent as EXECUTE of what SQL's PREPARE has prepared.
	executes bool
}

var dialects = []dialect{
	{"simple", pgx.QueryExecModeSimpleProtocol, pgx.TextFormatCode, false},
	{"unnamed, text", pgx.QueryExecModeExec, pgx.TextFormatCode, false},
	{"unnamed, described", pgx.QueryExecModeDescribeExec, pgx.BinaryFormatCode, false},
	{"prepared, binary", pgx.QueryExecModeCacheStatement, pgx.BinaryFormatCode, false},
	{"prepared, text", pgx.QueryExecModeCacheStatement, pgx.TextFormatCode, false},
	{"EXECUTE", pgx.QueryExecModeSimpleProtocol, pgx.TextFormatCode, true},
}

// speaker is a connection, with what it has prepared by PREPARE.
type speaker struct {
	*pgx.Conn
	prepared map[string]string // names, by statement
}

// reply is what a read returns.
type reply struct {
	version, twin int64
	stamp         string
}

// says prepares what is to be said as a dialect wants it.
func (s *speaker) says(ctx context.Context, d dialect, sql string, args []any) (string, []any, error) {
	if !d.executes {
		return sql, append([]any{d.mode}, args...), nil
	}
	if s.prepared[sql] == "" {
		name := fmt.Sprintf("said_%d", len(s.prepared))
		if _, err := s.Exec(ctx, "PREPARE "+name+" AS "+sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return "", nil, fmt.Errorf("preparing %q: %w", sql, err)
		}
		s.prepared[sql] = name
	}
	return "EXECUTE " + s.prepared[sql] + literals(args), []any{d.mode}, nil
}

// literals are the arguments of an EXECUTE.
func literals(args []any) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = fmt.Sprint(a)
	}
	return "(" + strings.Join(words, ", ") + ")"
}

// run says what returns nothing that matters.
func (s *speaker) run(ctx context.Context, d dialect, sql string, args ...any) error {
	sql, args, err := s.says(ctx, d, sql, args)
	if err == nil {
		_, err = s.Exec(ctx, sql, args...)
	}
	if err != nil {
		return fmt.Errorf("%s, %s: %w", sql, d.name, err)
	}
	return nil
}

// read asks for a register.
func (s *speaker) read(ctx context.Context, d dialect, sql string, id int32) (r reply, err error) {
	sql, args, err := s.says(ctx, d, sql, []any{id})
	if err == nil {
		args = append([]any{pgx.QueryResultFormats{d.format}}, args...)
		err = s.QueryRow(ctx, sql, args...).Scan(&r.version, &r.twin, &r.stamp)
	}
	if err != nil {
		return r, fmt.Errorf("%s of %d, %s: %w", sql, id, d.name, err)
	}
	return r, nil
}

// computed is when a server, which is told by its port, computed a reply, in nanoseconds.
func (r reply) computed() (port string, at int64, err error) {
	port, micros, _ := strings.Cut(r.stamp, ":")
	at, err = strconv.ParseInt(micros, 10, 64)
	if err != nil {
		return "", 0, fmt.Errorf("reading the stamp %q: %w", r.stamp, err)
	}
	return port, at * 1000, nil
}

// execute says a deed, of an id and a version.
func (s *speaker) execute(ctx context.Context, d dialect, st deed, id int32, version int64) error {
	if st.copies {
		_, err := s.PgConn().CopyFrom(ctx, strings.NewReader(fmt.Sprintf("%d\t%d\n", id, version)), st.sql)
		return err
	}
	if !strings.Contains(st.sql, "$") || strings.HasPrefix(st.sql, "CALL") && d.executes {
		_, err := s.Exec(ctx, inlined(st.sql, id, version), pgx.QueryExecModeSimpleProtocol)
		return err
	}
	return s.run(ctx, d, st.sql, id, version)
}

// inlined is a statement with its parameters in it.
func inlined(sql string, id int32, version int64) string {
	return strings.NewReplacer("$1", fmt.Sprint(id), "$2", fmt.Sprint(version)).Replace(sql)
}
