package login

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// firstPacket reads up to the packet that says what the client wants.
func (h *handshake) firstPacket(ctx context.Context) (*startupPacket, *CancelRequest, error) {
	answered := map[uint32]bool{}
	for {
		body, err := h.packet()
		if err != nil {
			return nil, nil, err
		}
		switch code := binary.BigEndian.Uint32(body); {
		case code == cancelRequestCode:
			cancel, err := h.parseCancel(body)
			return nil, cancel, err
		case code == sslRequestCode && !answered[code] && h.mayEncrypt():
			// Once encrypted, neither may be asked for again.
			answered[sslRequestCode], answered[gssEncRequestCode] = true, true
			if err := h.encrypt(ctx); err != nil {
				return nil, nil, err
			}
		case (code == sslRequestCode || code == gssEncRequestCode) && !answered[code]:
			answered[code] = true
			if err := h.decline(code); err != nil {
				return nil, nil, err
			}
		default:
			packet, refusal := parseStartupPacket(body)
			if refusal != nil {
				return nil, nil, refusal
			}
			return packet, nil, nil
		}
	}
}

// packet reads a packet without a type, and returns its body: at least the 4 bytes of its code.
func (h *handshake) packet() ([]byte, error) {
	header, err := h.next(4)
	if err != nil {
		return nil, err
	}
	size := int64(binary.BigEndian.Uint32(header)) - 4
	if size < 4 || size > maxStartupBytes {
		return nil, fmt.Errorf("invalid length of startup packet: %d", size)
	}
	body, err := h.next(int(size))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return body, err
}

func (h *handshake) parseCancel(body []byte) (*CancelRequest, error) {
	secret := body[min(len(body), 8):]
	if len(secret) < minCancelKeyBytes || len(secret) > maxCancelKeyBytes {
		return nil, fmt.Errorf("invalid length of query cancel packet: %d", len(body))
	}
	return &CancelRequest{
		PID: binary.BigEndian.Uint32(body[4:]), Secret: append([]byte(nil), secret...), secure: h.secure,
	}, nil
}

// decline answers a request for encryption with no. A client must wait for the answer before it goes on.
func (h *handshake) decline(code uint32) error {
	h.out = append(h.out, 'N')
	if err := h.flush(); err != nil {
		return err
	}
	return h.nothingAhead(code)
}

// nothingAhead refuses a client that has sent something behind a request for encryption, without waiting for the
// answer, as Postgres does: somebody may have slipped it in, to be taken for the client's own.
func (h *handshake) nothingAhead(code uint32) error {
	if len(h.unread()) == 0 {
		return nil
	}
	what := "SSL"
	if code == gssEncRequestCode {
		what = "GSSAPI encryption"
	}
	return &Refusal{
		SQLState: protocolViolation,
		Message:  "received unencrypted data after " + what + " request",
		Detail:   "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
	}
}
