package login

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"strings"
)

const (
	// maxStartupBytes bounds the body of the first packet, version included (Postgres: MAX_STARTUP_PACKET_LENGTH).
	maxStartupBytes = 10000
	// maxNameBytes is what Postgres keeps of a longer name (NAMEDATALEN - 1).
	maxNameBytes = 63

	// newestProtocol is the newest protocol we speak: 3.2, as Postgres 18.
	newestProtocol = 3<<16 | 2

	cancelRequestCode = 1234<<16 | 5678
	sslRequestCode    = 1234<<16 | 5679
	gssEncRequestCode = 1234<<16 | 5680

	// maxCancelKeyBytes bounds the secret of a CancelRequest (protocol 3.2).
	minCancelKeyBytes = 4
	maxCancelKeyBytes = 256
)

// Startup is what a client asks for.
type Startup struct {
	// Protocol is the version in use from now on, major in the upper 16 bits: what the client asked for, or the
	// newest we speak. From 3.2 on a client's cancel key may be longer than 4 bytes.
	Protocol uint32
	// User and Database are at most 63 bytes, cut where a client sent more, as Postgres cuts them.
	User, Database string
	// Settings is every run-time parameter in the order Postgres applies them: those of `options` first, then the
	// others as they came. A name may come twice; the last one counts.
	Settings []Setting
	// Replication is the parameter of that name, if it asks for replication: "database", or a true boolean as it came.
	// Whoever cannot give it refuses the client.
	Replication string
	// TLS is what is known from the encryption; nil: the connection is not encrypted.
	TLS *TLSInfo
}

// TLSInfo is what a client's TLS handshake has told.
type TLSInfo struct {
	// ServerName is what the client called us (SNI); empty if it did not.
	ServerName string
	// Certificate is the client's, verified by the authorities of Config.TLS; nil if it has shown none, or one that nobody
	// has verified.
	Certificate *x509.Certificate
	// Presented is what the client has shown, verified or not: its certificate, and those of authorities in between.
	Presented []*x509.Certificate
}

// startupPacket is a StartupMessage as it came, before anybody asked whether it makes sense.
type startupPacket struct {
	version                 uint32
	user, database, options string
	replication             string
	settings                []Setting
	unknownExtensions       []string // _pq_. options: we know none
}

// parseStartupPacket reads the body of a StartupMessage: version, then names and values. pgproto3's decoder knows
// two versions and forgets the order, so this reads it itself.
func parseStartupPacket(body []byte) (*startupPacket, *Refusal) {
	p := &startupPacket{version: binary.BigEndian.Uint32(body)}
	if refusal := checkMajor(p.version); refusal != nil {
		return nil, refusal
	}
	rest := body[4:]
	for {
		name, after, ok := cutString(rest)
		if !ok || name == "" {
			break
		}
		value, after, ok := cutString(after)
		if !ok {
			break
		}
		p.add(name, value)
		rest = after
	}
	if len(rest) != 1 || rest[0] != 0 {
		return nil, &Refusal{
			SQLState: protocolViolation,
			Message:  "invalid startup packet layout: expected terminator as last byte",
		}
	}
	return p, nil
}

// checkMajor refuses every major version but 3, in the format the client can read.
func checkMajor(version uint32) *Refusal {
	if version>>16 == newestProtocol>>16 {
		return nil
	}
	return &Refusal{
		SQLState: featureNotSupported,
		Message: fmt.Sprintf("unsupported frontend protocol %d.%d: server supports %d.0 to %d.%d",
			version>>16, version&0xFFFF, newestProtocol>>16, newestProtocol>>16, newestProtocol&0xFFFF),
		oldProtocol: version>>16 < newestProtocol>>16 && version != 0, // 0 is nobody's; Postgres answers it in the new format
	}
}

// cutString reads a zero-terminated string. An end of input ends it too, as Postgres appends a zero to what it
// got, but not ok: nothing can follow.
func cutString(b []byte) (s string, rest []byte, ok bool) {
	head, rest, ok := bytes.Cut(b, []byte{0})
	return string(head), rest, ok
}

func (p *startupPacket) add(name, value string) {
	switch {
	case name == "user":
		p.user = value
	case name == "database":
		p.database = value
	case name == "options":
		p.options = value
	case name == "replication":
		p.replication = value
	case strings.HasPrefix(name, "_pq_."):
		p.unknownExtensions = append(p.unknownExtensions, name)
	default:
		p.settings = append(p.settings, Setting{name, value})
	}
}

// protocol is the version in use from now on.
func (p *startupPacket) protocol() uint32 { return min(p.version, newestProtocol) }

// needsNegotiation tells whether the client must be told that it asked for more than there is.
func (p *startupPacket) needsNegotiation() bool {
	return p.version > newestProtocol || len(p.unknownExtensions) > 0
}

// resolve says what the packet means.
func (p *startupPacket) resolve() (*Startup, *Refusal) {
	if p.user == "" {
		return nil, &Refusal{SQLState: invalidAuthorization, Message: "no PostgreSQL user name specified in startup packet"}
	}
	if p.database == "" {
		p.database = p.user
	}
	fromOptions, refusal := parseOptions(p.options)
	if refusal != nil {
		return nil, refusal
	}
	return &Startup{
		Protocol:    p.protocol(),
		User:        cutName(p.user),
		Database:    cutName(p.database),
		Settings:    withDateStyles(append(fromOptions, p.settings...)),
		Replication: p.wantedReplication(),
	}, nil
}

func cutName(name string) string { return name[:min(len(name), maxNameBytes)] }

// checkReplication refuses values that mean nothing.
func (p *startupPacket) checkReplication() *Refusal {
	if _, ok := parseBool(p.replication); ok || p.replication == "" || p.replication == "database" {
		return nil
	}
	return &Refusal{
		SQLState: invalidParameterValue,
		Message:  fmt.Sprintf("invalid value for parameter \"replication\": \"%s\"", p.replication),
		Hint:     `Valid values are: "false", 0, "true", 1, "database".`,
	}
}

// wantedReplication is the parameter if it asks for something.
func (p *startupPacket) wantedReplication() string {
	if wanted, _ := parseBool(p.replication); wanted || p.replication == "database" {
		return p.replication
	}
	return ""
}

// parseBool reads a boolean as Postgres writes them: any unique beginning of true, false, yes, no, on, off, or 1, 0.
func parseBool(text string) (value, ok bool) {
	text = strings.ToLower(text)
	begins := func(word string, atLeast int) bool {
		return len(text) >= atLeast && strings.HasPrefix(word, text)
	}
	switch {
	case begins("true", 1), begins("yes", 1), begins("on", 2), text == "1":
		return true, true
	case begins("false", 1), begins("no", 1), begins("off", 2), text == "0":
		return false, true
	}
	return false, false
}
