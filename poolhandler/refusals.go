package poolhandler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/pgmux/caddy-pgmux/internal/login"
)

var errManyLogins = errors.New("too many clients are logging in at once, and this one's turn did not come within client_login_timeout")

func manyLogins() *login.Refusal {
	return &login.Refusal{
		SQLState: "53300", Message: "too many clients are logging in", Detail: errManyLogins.Error(),
		Hint: "Try again later, or keep connections open instead of making one for each query.",
	}
}

func manySessions() *login.Refusal {
	return &login.Refusal{
		SQLState: "53300", Message: "too many sessions of the console",
		Detail: fmt.Sprintf("There may be %d, and %d of them for users in stats_users.", maxConsoleSessions, maxConsoleSessions-reservedForAdmins),
		Hint:   "Close one of them: each that is open counts, idle ones too.",
	}
}

func shuttingDown() *login.Refusal {
	return &login.Refusal{SQLState: "57P03", Message: "the pooler is starting up or shutting down", Hint: "Try again in a moment."}
}

// closedAddress is for who came to an address while it was being given up.
func closedAddress(inForce *plan) *login.Refusal {
	if len(inForce.names) == 0 {
		return shuttingDown()
	}
	return &login.Refusal{
		SQLState: "57P03", Message: "the pooler does not listen at this address any more",
		Hint: "Connect to another address; `listen` of a pool says which.",
	}
}

func lackOfRoom(err error) *login.Refusal {
	return &login.Refusal{
		SQLState: "53300", Message: "sorry, too many clients already",
		Hint:  "The pooler's limit of open files is near; its operator can raise RLIMIT_NOFILE.",
		Cause: err,
	}
}

func unknownDatabase(database string) *login.Refusal {
	return &login.Refusal{
		SQLState: "3D000", Message: fmt.Sprintf("database \"%s\" does not exist", database),
		Hint: "No pool has it; `databases` of a pool says which names clients may ask for.",
	}
}

// loginOutcome is the word for it in the metrics.
func loginOutcome(client *login.Client, err error) string {
	var refusal *login.Refusal
	var files *tooManyFiles
	switch {
	case err == nil && client == nil:
		return "cancel"
	case err == nil:
		return "ok"
	case errors.As(err, &refusal):
		return outcomeOf(refusal.SQLState)
	case errors.Is(err, errManyLogins), errors.As(err, &files):
		return "too_many"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "disconnected"
	}
	return "error"
}

func outcomeOf(sqlstate string) string {
	switch sqlstate {
	case "53300":
		return "too_many"
	case "3D000":
		return "unknown_database"
	case "28P01", "28000":
		return "bad_password"
	case "57014":
		return "timeout"
	case "57P01", "57P03":
		return "shutting_down"
	}
	return "error"
}
