// Package login is everything that happens on a connection before its first ReadyForQuery, in both directions:
// blocking code on the goroutine that the connection has until it is handed over to a shard.
//
//	application ── Accept ──▶ us ── Dial ──▶ Postgres
//
// [Accept] takes an application in: SSLRequest, TLS, StartupMessage, authentication, up to AuthenticationOk. [Dial]
// connects and logs in to a server, up to its first ReadyForQuery, and hands out the bare socket. [CancelServer]
// delivers a cancel. Both directions bound time by a context and memory by constants, before they trust anybody. Where
// the connection is encrypted, package secure does the handshake, and what remains of it goes along with the socket.
//
// What protocol messages mean and in which words they are refused follows Postgres 18; where a function says "as
// Postgres", a test compares it with one.
package login

import (
	"errors"
	"fmt"
)

// Setting is one run-time parameter of a session, as a StartupMessage or a ParameterStatus carries it.
type Setting struct{ Name, Value string }

// Refusal is why a client is not let in, in words for the client: a FATAL ErrorResponse.
type Refusal struct {
	SQLState, Message, Detail, Hint string
	// Cause is for the log only: what the client is not to know, such as which of user and password was wrong.
	Cause error

	// oldProtocol: the client does not speak protocol 3 and is refused in protocol 2's format.
	oldProtocol bool
}

func (r *Refusal) Error() string {
	text := fmt.Sprintf("%s (SQLSTATE %s)", r.Message, r.SQLState)
	if r.Cause != nil {
		text += ": " + r.Cause.Error()
	}
	return text
}

// Unwrap returns the Cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// IsPermanent tells whether trying again will not help before somebody changes a password, a database or a
// configuration. Errors that are not known to be permanent are not.
func IsPermanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

// configurationError is an error that only a change of configuration heals.
type configurationError struct{ err error }

func (e *configurationError) Error() string   { return e.err.Error() }
func (e *configurationError) Unwrap() error   { return e.err }
func (e *configurationError) Permanent() bool { return true }

func permanent(format string, args ...any) error {
	return &configurationError{fmt.Errorf(format, args...)}
}

// The SQLSTATEs used here, by Postgres's names for them.
const (
	protocolViolation            = "08P01"
	featureNotSupported          = "0A000"
	invalidParameterValue        = "22023"
	invalidAuthorization         = "28000"
	invalidPassword              = "28P01"
	syntaxError                  = "42601"
	undefinedObject              = "42704"
	undefinedDatabase            = "3D000"
	insufficientPrivilege        = "42501"
	objectNotInPrerequisiteState = "55000"
)
