package poolhandler

import (
	"crypto/rand"
	"encoding/binary"
	"net"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/internal/console"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// consoleVisit is a client of the console, from its login to its end. It counts for no pool.
type consoleVisit struct {
	process *process
	console.Client
	session *consoleSession
	client  *login.Client
}

// chooseConsole has a client prove that it is one of the console's users.
func (a *arrival) chooseConsole(s *login.Startup) (login.Auth, *login.Refusal) {
	if s.Replication != "" {
		return login.Auth{}, &login.Refusal{
			SQLState: "0A000", Message: "the console takes no replication connections", Hint: "Connect without the parameter replication.",
		}
	}
	if a.named != "" && a.plan.pools[a.named] == nil {
		return login.Auth{}, toClient(removedPool(a.named))
	}
	if refusal := a.checkConsoleTLS(s); refusal != nil {
		return login.Auth{}, refusal
	}
	a.console = &consoleVisit{process: a.process}
	return a.plan.console.auth, a.waitForTurn(a.process.logins.console)
}

// checkConsoleTLS demands what the handler's pool does; what any of the pools does where the handler names none.
func (a *arrival) checkConsoleTLS(s *login.Startup) *login.Refusal {
	for name, pool := range a.among.pools {
		if a.named != "" && a.named != name {
			continue
		}
		here := *s
		here.TLS = pool.tls.trusted(s.TLS)
		refusal := pool.tls.check(&here, a.bySocket())
		if refusal == nil && (a.named == "" || a.decrypted != nil) {
			refusal = pool.tls.checkElsewhere(&here)
		}
		if refusal != nil {
			return refusal
		}
	}
	return nil
}

// enterConsole finds a place for a client that has logged in.
func (a *arrival) enterConsole(client *login.Client) error {
	v := a.console
	v.client = client
	v.User, v.Admin = client.User, a.plan.console.permits(client.User, true)
	var key [8]byte
	rand.Read(key[:])
	v.PID, v.Secret = binary.BigEndian.Uint32(key[:])>>1|1, key[4:] // drivers take it for signed
	var refusal *login.Refusal
	if v.session, refusal = a.process.consoles.enter(v.Client); refusal != nil {
		a.console = nil
		client.Refuse(a.conn, refusal)
		return refusal
	}
	return nil
}

// run talks to the client until it leaves, or is told to.
func (v *consoleVisit) run(conn net.Conn) {
	consoles := &v.process.consoles
	defer consoles.leave(v.session)
	opened := newOpened(conn, v.client)
	defer opened.Close()
	v.Cancel = v.session.cancels
	if err := console.Serve(v.session.ctx, opened, v.Client, consoleWorld{v.process}, &consoles.shared); err != nil {
		v.process.logger().Debug("a session of the console has ended", zap.String("user", v.User), zap.Error(err))
	}
}
