package scram

import (
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
)

// Channel binding proves to both sides that they are the two ends of one TLS connection: the client puts the hash of
// the certificate that it has been shown (RFC 5929, tls-server-end-point) under its proof, and whoever sits between
// with a certificate of his own is found out. What the client says of it comes first in its first message, the GS2
// header of RFC 5801, and again in c= of its last:
//
//	n,,                        it cannot, or does not want to
//	y,,                        it could, but the server has not offered it: a lie if the server has
//	p=tls-server-end-point,,   it does
const (
	bindingType   = "tls-server-end-point"
	headerWithout = "n,,"
	headerCould   = "y,,"
	headerBound   = "p=" + bindingType + ",,"
)

// Offer says what the channel can be bound to, nil if there is nothing, and returns the mechanisms to offer, in the
// order in which Postgres offers them. Without a call there is no channel binding. The binding is kept.
func (s *Server) Offer(binding []byte) (mechanisms []string) {
	if len(binding) == 0 {
		return []string{Mechanism}
	}
	s.binding = binding
	return []string{MechanismPlus, Mechanism}
}

// Choose takes the mechanism that the client has chosen, and tells whether it was offered.
func (s *Server) Choose(mechanism string) (offered bool) {
	s.plus = mechanism == MechanismPlus && s.binding != nil
	return s.plus || mechanism == Mechanism
}

// readHeader checks the GS2 header, and returns its length.
func (s *Server) readHeader(message []byte) (int, error) {
	a := attributes(message)
	if err := s.readFlag(&a); err != nil {
		return 0, err
	}
	switch a.peek() {
	case ',':
		return len(message) - len(a) + 1, nil
	case 'a':
		return 0, &Error{featureNotSupported, "client uses authorization identity, but it is not supported", ""}
	}
	return 0, malformed(`Unexpected attribute "%s" in client-first-message.`, printable(a.peek()))
}

// readFlag reads what the client says of channel binding, with the comma behind it.
func (s *Server) readFlag(a *attributes) error {
	flag := a.peek()
	switch {
	case flag != 'n' && flag != 'y' && flag != 'p':
		return malformed(`Unexpected channel-binding flag "%s".`, printable(flag))
	case flag != 'p' && s.plus:
		return malformed("The client selected %s, but the SCRAM message does not include channel binding data.", MechanismPlus)
	case flag == 'p' && !s.plus:
		return malformed("The client selected %s without channel binding, but the SCRAM message includes channel binding data.", Mechanism)
	case flag == 'p':
		return readBindingType(a)
	case flag == 'y' && s.binding != nil:
		// We have offered it: somebody between us has taken it out of the offer.
		return &Error{invalidAuthorization, "SCRAM channel binding negotiation error",
			"The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding."}
	}
	*a = (*a)[1:]
	if a.peek() != ',' {
		return malformed(`Comma expected, but found character "%s".`, printable(a.peek()))
	}
	*a = (*a)[1:]
	return nil
}

func readBindingType(a *attributes) error {
	name, err := a.want('p')
	if err != nil {
		return err
	}
	if string(name) != bindingType {
		return &Error{protocolViolation, `unsupported SCRAM channel-binding type "` + printableText(name) + `"`, ""}
	}
	return nil
}

// boundTo is what has to come back in c= of the client's last message.
func (s *Server) boundTo(header []byte) string {
	if !s.plus {
		return base64.StdEncoding.EncodeToString(header)
	}
	return base64.StdEncoding.EncodeToString(slices.Concat([]byte(headerBound), s.binding))
}

func (s *Server) checkBound(bound []byte) error {
	if subtle.ConstantTimeCompare(bound, []byte(s.bound)) == 1 {
		return nil
	}
	if s.plus {
		return &Error{invalidAuthorization, "SCRAM channel binding check failed", ""}
	}
	return &Error{protocolViolation, "unexpected SCRAM channel-binding attribute in client-final-message", ""}
}

// Choose picks the best of the mechanisms that the server offers. binding is what the channel can be bound to; nil if
// there is nothing. It is kept. Without a call there is no channel binding.
func (c *Client) Choose(offered []string, binding []byte) (mechanism string, ok bool) {
	switch {
	case len(binding) > 0 && slices.Contains(offered, MechanismPlus):
		c.gs2Header, c.binding = headerBound, binding
		return MechanismPlus, true
	case !slices.Contains(offered, Mechanism):
		return "", false
	case len(binding) > 0:
		c.gs2Header = headerCould
	}
	return Mechanism, true
}

// bound is what we say in c=.
func (c *Client) bound() string {
	return base64.StdEncoding.EncodeToString(slices.Concat([]byte(c.gs2Header), c.binding))
}

// printableText shows some of a text in an error without trusting it, as Postgres does (sanitize_str).
func printableText(text []byte) string {
	const shown = 30
	var b strings.Builder
	for _, c := range text[:min(len(text), shown)] {
		if c < 0x21 || c > 0x7E {
			c = '?'
		}
		b.WriteByte(c)
	}
	return b.String()
}
