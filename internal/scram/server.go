package scram

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
)

// Server is the side that checks a password: ours towards a client. Create one per login.
type Server struct {
	verifier Verifier
	nonce    string
	state    serverState

	binding []byte // what the channel can be bound to; nil: it cannot
	plus    bool   // the client has chosen to bind

	clientFirstBare, serverFirst string
	bound                        string // the base64 of the client's GS2 header and the binding, to come back in c=
	fullNonce                    string
	clientKey                    Key
}

type serverState uint8

const (
	awaitingFirst serverState = iota
	awaitingFinal
	serverFinished
	serverFailed
)

// NewServer begins a conversation. The nonce is what [AppendNonce] makes of fresh randomness.
func NewServer(v Verifier, nonce []byte) *Server {
	if len(nonce) == 0 || !isNonce(nonce) {
		panic("bug: scram.NewServer without a printable nonce")
	}
	return &Server{verifier: v, nonce: string(nonce)}
}

// Step takes the client's message and returns the answer. It fails with [ErrProof] if the password is wrong and
// with an [*Error] if the message breaks the protocol; the conversation is over then.
func (s *Server) Step(message []byte) (answer []byte, err error) {
	if err := check(message); err != nil {
		s.state = serverFailed
		return nil, err
	}
	state := s.state
	s.state = serverFailed
	switch state {
	case awaitingFirst:
		if answer, err = s.first(message); err == nil {
			s.state = awaitingFinal
		}
	case awaitingFinal:
		if answer, err = s.final(message); err == nil {
			s.state = serverFinished
		}
	default:
		panic("bug: scram.Server.Step after the end")
	}
	return answer, err
}

// Authenticated tells whether the client has proved that it knows the password.
func (s *Server) Authenticated() bool { return s.state == serverFinished }

// ClientKey is the key that the client proved to have. With it we can log in as this user wherever the verifier
// is the same, without knowing the password.
func (s *Server) ClientKey() (Key, bool) { return s.clientKey, s.state == serverFinished }

func (s *Server) first(message []byte) ([]byte, error) {
	header, err := s.readHeader(message)
	if err != nil {
		return nil, err
	}
	bare := attributes(message[header:])
	if bare.peek() == 'm' {
		return nil, &Error{featureNotSupported, "client requires an unsupported SCRAM extension", ""}
	}
	if _, err := bare.want('n'); err != nil { // the name is ignored: StartupMessage has it
		return nil, err
	}
	nonce, err := bare.want('r')
	if err != nil {
		return nil, err
	}
	if !isNonce(nonce) {
		return nil, &Error{protocolViolation, "non-printable characters in SCRAM nonce", ""}
	}
	for len(bare) > 0 { // optional extensions
		if _, _, err := bare.next(); err != nil {
			return nil, err
		}
	}
	s.bound = s.boundTo(message[:header])
	s.clientFirstBare = string(message[header:])
	s.fullNonce = string(nonce) + s.nonce
	s.serverFirst = fmt.Sprintf("r=%s,s=%s,i=%d",
		s.fullNonce, base64.StdEncoding.EncodeToString(s.verifier.Salt), s.verifier.Iterations)
	return []byte(s.serverFirst), nil
}

func (s *Server) final(message []byte) ([]byte, error) {
	a := attributes(message)
	bound, err := a.want('c')
	if err != nil {
		return nil, err
	}
	if err := s.checkBound(bound); err != nil {
		return nil, err
	}
	nonce, err := a.want('r')
	if err != nil {
		return nil, err
	}
	proof, without, err := readProof(a, message)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(nonce, []byte(s.fullNonce)) != 1 {
		return nil, &Error{protocolViolation, "invalid SCRAM response", "Nonce does not match."}
	}
	return s.verify(proof, s.clientFirstBare+","+s.serverFirst+","+without)
}

// readProof reads up to the proof, which comes last, and returns with it the message that it proves.
func readProof(a attributes, message []byte) (proof Key, without string, err error) {
	for {
		at := len(message) - len(a)
		name, value, err := a.next()
		if err != nil {
			return Key{}, "", err
		}
		if name != 'p' {
			continue // an optional extension
		}
		proof, ok := decodeKey(value)
		if !ok {
			return Key{}, "", malformed("Malformed proof in client-final-message.")
		}
		if len(a) > 0 {
			return Key{}, "", malformed("Garbage found at the end of client-final-message.")
		}
		return proof, string(message[:at-1]), nil
	}
}

// verify does the same work whether the proof is right, wrong, or for a user that does not exist.
func (s *Server) verify(proof Key, authMessage string) ([]byte, error) {
	signature := mac(s.verifier.StoredKey[:], authMessage)
	clientKey := proof.xor(signature)
	stored := sha256.Sum256(clientKey[:])
	answer := mac(s.verifier.ServerKey[:], authMessage)
	same := subtle.ConstantTimeCompare(stored[:], s.verifier.StoredKey[:])
	if same != 1 || s.verifier.mock || s.verifier.Iterations == 0 {
		return nil, ErrProof
	}
	s.clientKey = clientKey
	return []byte("v=" + base64.StdEncoding.EncodeToString(answer[:])), nil
}
