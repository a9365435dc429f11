package console

import (
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"
)

// problem is why a command is not carried out, in words for who gave it: an ErrorResponse. The messages are PgBouncer's, where it has one; it
// gives all of them 08P01, and here they have SQLSTATEs that tell them apart.
type problem struct{ state, message, detail, hint string }

func (p *problem) Error() string { return p.message + " (SQLSTATE " + p.state + ")" }

// The SQLSTATEs, by Postgres's names for them.
const (
	protocolViolation      = "08P01"
	featureNotSupported    = "0A000"
	invalidParameterValue  = "22023"
	invalidStatementName   = "26000"
	invalidCursorName      = "34000"
	undefinedDatabase      = "3D000"
	insufficientPrivilege  = "42501"
	syntaxError            = "42601"
	undefinedObject        = "42704"
	limitExceeded          = "54000"
	queryCanceled          = "57014"
	adminShutdown          = "57P01"
	systemError            = "58000"
	configFileError        = "F0000"
	duplicatePreparedState = "42P05"
)

// errorResponse is an error as a message; what is no problem of ours is told as a system error.
func errorResponse(severity string, err error) *pgproto3.ErrorResponse {
	p, ok := err.(*problem)
	if !ok {
		p = &problem{state: systemError, message: err.Error()}
	}
	return &pgproto3.ErrorResponse{
		Severity: severity, SeverityUnlocalized: severity, Code: p.state, Message: p.message, Detail: p.detail, Hint: p.hint,
	}
}

func notACommand(text string) *problem {
	return &problem{
		state: syntaxError, message: "invalid command '" + excerpt(text) + "', use SHOW HELP;",
		hint: "The console takes one command at a time, and no SQL; there are no transactions, so drivers have to use autocommit.",
	}
}

// maxExcerpt bounds what an error repeats of a text, in bytes.
const maxExcerpt = 200

// excerpt is the beginning of a text, in whole characters, whatever bytes the client has sent.
func excerpt(text string) string {
	n, rest := len(text), ""
	if n > maxExcerpt {
		for n = maxExcerpt; n > 0 && !utf8.RuneStart(text[n]); n-- {
		}
		rest = "…"
	}
	return strings.ToValidUTF8(text[:n], "\uFFFD") + rest
}

func adminNeeded() *problem {
	return &problem{
		state: insufficientPrivilege, message: "admin access needed",
		hint: "Users in `stats_users` of the console may SHOW; log in as one of its `admin_users`.",
	}
}
