package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgproto3"
)

// CancelServer asks a server to cancel what the session with this key runs, and returns once the signal has been
// sent: Postgres closes the connection only then. Whether there was anything to cancel, nobody is told. The key is a
// secret: it goes encrypted where connections to the server have to be.
func CancelServer(ctx context.Context, address string, tls *ServerTLS, pid uint32, secret []byte) error {
	request, err := (&pgproto3.CancelRequest{ProcessID: pid, SecretKey: secret}).Encode(nil)
	if err != nil {
		return fmt.Errorf("encoding CancelRequest: %w", err)
	}
	conn, err := dial(ctx, address)
	if err != nil {
		return fmt.Errorf("cancelling: %w", err)
	}
	defer conn.Close()
	release := keepTo(ctx, conn)
	if err := release(deliver(ctx, conn, address, tls, request)); err != nil {
		return fmt.Errorf("waiting for upstream %s to deliver a cancel: %w", address, err)
	}
	return nil
}

// deliver sends the request and waits for the end of the connection, whichever way it ends.
func deliver(ctx context.Context, conn net.Conn, address string, tls *ServerTLS, request []byte) error {
	if tls != nil && tls.Required {
		encrypted, err := encryptServer(ctx, conn, address, tls)
		if err != nil {
			return err
		}
		if encrypted != nil {
			conn = encrypted
		}
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 1))
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return err
}
