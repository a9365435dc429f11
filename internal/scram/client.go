package scram

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
)

// KeySource makes the keys for the salt and the iteration count that the server names: [Derive], behind a cache.
type KeySource func(salt []byte, iterations int) (Keys, error)

// ErrSignature says that the server does not know the password: it is not who it says it is.
var ErrSignature = errors.New("server's SCRAM signature does not match: it does not know the password, so it is not the server it claims to be")

// Client is the side that proves to know a password: ours towards Postgres. Create one per login.
type Client struct {
	keys  KeySource
	nonce string
	state clientState

	gs2Header string // what we say of channel binding
	binding   []byte // what the channel is bound to, if it is

	firstBare string
	signature Key // what the server must answer
}

type clientState uint8

const (
	sendingFirst clientState = iota
	awaitingServerFirst
	awaitingServerFinal
	clientFinished
	clientFailed
)

// NewClient begins a conversation. The nonce is what [AppendNonce] makes of fresh randomness.
func NewClient(keys KeySource, nonce []byte) *Client {
	if len(nonce) == 0 || !isNonce(nonce) {
		panic("bug: scram.NewClient without a printable nonce")
	}
	return &Client{keys: keys, nonce: string(nonce), gs2Header: headerWithout}
}

// Step takes the server's message, none the first time, and returns the answer, none the last time. Any error
// ends the conversation; [ErrSignature] means an impostor.
func (c *Client) Step(message []byte) (answer []byte, err error) {
	state := c.state
	c.state = clientFailed
	if state != sendingFirst {
		if err := check(message); err != nil {
			return nil, err
		}
	}
	switch state {
	case sendingFirst:
		c.firstBare = "n=,r=" + c.nonce
		c.state = awaitingServerFirst
		return []byte(c.gs2Header + c.firstBare), nil
	case awaitingServerFirst:
		if answer, err = c.final(message); err == nil {
			c.state = awaitingServerFinal
		}
	case awaitingServerFinal:
		if err = c.verify(message); err == nil {
			c.state = clientFinished
		}
	default:
		panic("bug: scram.Client.Step after the end")
	}
	return answer, err
}

// Authenticated tells whether the server has proved to know the password too. A server that says it is satisfied
// before that is not to be believed.
func (c *Client) Authenticated() bool { return c.state == clientFinished }

func (c *Client) final(serverFirst []byte) ([]byte, error) {
	nonce, salt, iterations, err := c.readServerFirst(serverFirst)
	if err != nil {
		return nil, err
	}
	keys, err := c.keys(salt, iterations)
	if err != nil {
		return nil, fmt.Errorf("answering SCRAM: %w", err)
	}
	without := "c=" + c.bound() + ",r=" + string(nonce)
	authMessage := c.firstBare + "," + string(serverFirst) + "," + without
	stored := sha256.Sum256(keys.Client[:])
	proof := keys.Client.xor(mac(stored[:], authMessage))
	c.signature = mac(keys.Server[:], authMessage)
	return []byte(without + ",p=" + base64.StdEncoding.EncodeToString(proof[:])), nil
}

func (c *Client) readServerFirst(message []byte) (nonce, salt []byte, iterations int, err error) {
	a := attributes(message)
	if nonce, err = a.want('r'); err != nil {
		return nil, nil, 0, err
	}
	if !isNonce(nonce) || len(nonce) <= len(c.nonce) || !bytes.HasPrefix(nonce, []byte(c.nonce)) {
		return nil, nil, 0, malformed("The server's nonce does not continue ours.")
	}
	text, err := a.want('s')
	if err != nil {
		return nil, nil, 0, err
	}
	if salt, err = parseSalt(string(text)); err != nil {
		return nil, nil, 0, malformed("%v.", err)
	}
	if text, err = a.want('i'); err != nil {
		return nil, nil, 0, err
	}
	if iterations, err = parseIterations(string(text)); err != nil {
		return nil, nil, 0, malformed("%v.", err)
	}
	return nonce, salt, iterations, nil
}

func (c *Client) verify(message []byte) error {
	a := attributes(message)
	if a.peek() == 'e' {
		_, reason, err := a.next()
		if err != nil {
			return err
		}
		return &Error{invalidAuthorization, "server refused the SCRAM exchange", fmt.Sprintf("%q", reason)}
	}
	text, err := a.want('v')
	if err != nil {
		return err
	}
	signature, ok := decodeKey(text)
	if !ok {
		return malformed("Malformed signature in server-final-message.")
	}
	if subtle.ConstantTimeCompare(signature[:], c.signature[:]) != 1 {
		return ErrSignature
	}
	return nil
}
