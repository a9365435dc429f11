package login

import (
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/secure"
)

const (
	// lingerTime and lingerBytes bound how long and how much Refuse listens to a client that it has refused.
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 64 << 10
)

// Refuse tells the client why it is not let in, and closes the connection, which is not encrypted. A socket that is
// closed with bytes unread is reset, and the reset may overtake the message; so it ends its own direction first and
// reads what the client still sends, for half a second at most.
func Refuse(conn net.Conn, r *Refusal) { lastWords(conn, r.encode()) }

// refuseSealed is Refuse on an encrypted connection.
func refuseSealed(conn net.Conn, layer *secure.Conn, r *Refusal) {
	sealed, err := layer.Seal(nil, r.encode())
	if err != nil {
		conn.Close()
		return
	}
	lastWords(conn, layer.End(sealed))
}

func lastWords(conn net.Conn, words []byte) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(lingerTime))
	if _, err := conn.Write(words); err != nil {
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
