package login

import (
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	// lingerTime and lingerBytes bound how long and how much Refuse listens to a client that it has refused.
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 64 << 10
)

// Refuse tells the client why it is not let in, and closes the connection. A socket that is closed with bytes
// unread is reset, and the reset may overtake the message; so it ends its own direction first and reads what the
// client still sends, for half a second at most.
func Refuse(conn net.Conn, r *Refusal) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(lingerTime))
	if _, err := conn.Write(r.encode()); err != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			return
		}
	}
	io.Copy(io.Discard, io.LimitReader(conn, lingerBytes))
}

// encode is the Refusal as a message, with the fields in Postgres's order.
func (r *Refusal) encode() []byte {
	if r.oldProtocol {
		// Protocol 2: a type, and text to a zero byte.
		return fmt.Appendf(nil, "EFATAL:  %s\n\x00", r.Message)
	}
	message := pgproto3.ErrorResponse{
		Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: r.SQLState,
		Message: r.Message, Detail: r.Detail, Hint: r.Hint,
	}
	out, err := message.Encode(nil)
	if err != nil {
		panic(fmt.Sprintf("bug: encoding a refusal: %v", err))
	}
	return out
}
