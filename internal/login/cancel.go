package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/jackc/pgx/v5/pgproto3"
)

// CancelServer asks a server to cancel what the session with this key runs, and returns once the signal has been
// sent: Postgres closes the connection only then. Whether there was anything to cancel, nobody is told.
func CancelServer(ctx context.Context, address string, pid uint32, secret []byte) error {
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
	_, err = conn.Write(request)
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	err = release(err)
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return fmt.Errorf("waiting for upstream %s to deliver a cancel: %w", address, err)
}
