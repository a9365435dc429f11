package login

import (
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgproto3"
)

// ServerError is a server's own ErrorResponse: it does not want us.
type ServerError struct {
	SQLState, Message, Detail, Hint string
	// Raw is the whole message as it came, header included.
	Raw []byte
}

func newServerError(raw []byte) error {
	var m pgproto3.ErrorResponse
	if err := m.Decode(raw[headerBytes:]); err != nil {
		return fmt.Errorf("decoding the server's ErrorResponse: %w", err)
	}
	return &ServerError{m.Code, m.Message, m.Detail, m.Hint, slices.Clone(raw)}
}

func (e *ServerError) Error() string {
	return fmt.Sprintf("server refuses: %s (SQLSTATE %s)", e.Message, e.SQLState)
}

// Permanent tells whether the server will say the same until somebody changes a password, a database or a
// configuration: it does for a wrong user or password, a database that is not there or closed to us, and settings
// that it does not take. It does not while it starts, stops or is full.
func (e *ServerError) Permanent() bool {
	if len(e.SQLState) != 5 {
		return false
	}
	switch e.SQLState {
	case undefinedDatabase, insufficientPrivilege, objectNotInPrerequisiteState, featureNotSupported:
		return true
	}
	switch e.SQLState[:2] {
	case "22", "28", "42": // a setting's value; authorization; a setting's name
		return true
	}
	return false
}
