package wire

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
)

// Encrypt is the client's side of an SSLRequest and of the handshake after it.
func Encrypt(c net.Conn, config *tls.Config) (net.Conn, error) {
	if _, err := c.Write(append(Int32(8), Int32(sslRequest)...)); err != nil {
		return nil, fmt.Errorf("asking for TLS: %w", err)
	}
	var answer [1]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return nil, fmt.Errorf("asking for TLS: %w", err)
	}
	if answer[0] != 'S' {
		return nil, fmt.Errorf("server answers %q where it was to speak TLS", answer[0])
	}
	encrypted := tls.Client(c, config)
	if err := encrypted.Handshake(); err != nil {
		return nil, fmt.Errorf("agreeing on TLS: %w", err)
	}
	return encrypted, nil
}
