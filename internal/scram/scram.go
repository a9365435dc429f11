// Package scram is SCRAM-SHA-256 as Postgres speaks it, with channel binding or without: two conversations, pure state
// machines on byte slices.
//
// The server side is what we are towards our clients, the client side what we are towards Postgres:
//
//	Client: Choose                            Server: Offer, Choose
//	Step(nil)  ──  n,,n=,r=<c>           ──▶  Step    awaiting first
//	Step       ◀── r=<c><s>,s=<salt>,i=  ──           awaiting final
//	Step       ──  c=biws,r=<c><s>,p=    ──▶  Step    finished: Authenticated
//	Step       ◀── v=<signature>         ──
//	finished: Authenticated
//
// Any error ends the conversation. Sources: RFC 5802, RFC 7677, and where Postgres differs from them, Postgres:
// the user name inside the exchange is ignored (the StartupMessage has it), the password is what the caller has
// prepared with SASLprep, and of channel bindings there is tls-server-end-point (RFC 5929) only.
//
// Randomness, passwords' preparation and caching are the caller's. Returned slices are the caller's, those
// passed in are not kept.
package scram

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
)

// Mechanism and MechanismPlus are the SASL names of what this package does, without channel binding and with it.
const (
	Mechanism     = "SCRAM-SHA-256"
	MechanismPlus = Mechanism + "-PLUS"
)

const (
	// MaxMessageBytes bounds a message of either side; longer ones are refused unread. Postgres accepts as much
	// from a client (PG_MAX_SASL_MESSAGE_LENGTH).
	MaxMessageBytes = 1024
	// NonceBytes is the randomness of a nonce, before base64; as Postgres and libpq have it.
	NonceBytes = 18
	// MaxIterations bounds the work that a server or a verifier can ask for: half a second on a slow core.
	MaxIterations = 1_000_000
)

// ErrProof says that the client does not know the password, or that there is no such user: the two are not to be
// told apart.
var ErrProof = errors.New("SCRAM proof does not match")

// Error is a message that breaks the protocol, in the words Postgres has for it. It is for the peer's eyes.
type Error struct {
	SQLState, Message, Detail string
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Message
	}
	return e.Message + ": " + e.Detail
}

const (
	protocolViolation    = "08P01"
	featureNotSupported  = "0A000"
	invalidAuthorization = "28000"
)

func malformed(format string, args ...any) error {
	return &Error{protocolViolation, "malformed SCRAM message", fmt.Sprintf(format, args...)}
}

// AppendNonce appends random bytes in the printable form a nonce has.
func AppendNonce(dst []byte, random [NonceBytes]byte) []byte {
	return base64.StdEncoding.AppendEncode(dst, random[:])
}

// check refuses what no SCRAM message is, whoever sends it.
func check(message []byte) error {
	switch {
	case len(message) == 0:
		return malformed("The message is empty.")
	case len(message) > MaxMessageBytes:
		return malformed("The message is longer than %d bytes.", MaxMessageBytes)
	case bytes.IndexByte(message, 0) >= 0:
		return malformed("Message length does not match input length.")
	}
	return nil
}
