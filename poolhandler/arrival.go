package poolhandler

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/mholt/caddy-l4/layer4"
	"github.com/mholt/caddy-l4/modules/l4tls"
	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// refusalTimeout is what a client that cannot be taken gets to say who it is, so that it can be told. Tests have it be longer.
var refusalTimeout = 2 * time.Second

// arrival is one client connection from Accept to hand-over.
//
//	descriptors left? ── first packet ── CancelRequest: deliver, close
//	                         │
//	                 pool, database, room? a turn to log in (choose)
//	                         │
//	                       proof
//	                         │
//	                     hand over
type arrival struct {
	process *process
	plan    *plan    // in force when the client came
	running *running // nil: the process is ending, or has no pools yet
	named   string   // the handler's or the address's only pool; empty: by database
	among   *plan    // the pools that the database chooses from; plan, or part of it
	closed  bool     // nobody listens any more where it came in

	conn    net.Conn // what is read and written: the socket itself, or what other handlers made of it
	already []byte   // read before: the matchers'
	remote  string

	decrypted *login.TLSInfo // another handler has decrypted it; nil: none has

	patience time.Time     // until when it waits for its turn
	turn     turns         // among whom it has its turn to log in; nil: it has none
	pool     *pool         // the client's, once it is known
	admitted string        // the pool in which the client counts
	pump     *pump         // once handed over, where the connection is not a plain socket
	console  *consoleVisit // it is for the console
}

// newArrival is a client that has just been accepted.
func newArrival(p *process, conn net.Conn) *arrival {
	plan := p.current.Load()
	return &arrival{process: p, plan: plan, among: plan, running: p.running.Load(), conn: conn, remote: conn.RemoteAddr().String()}
}

// throughLayer4 is a client that comes through a handler of layer4, which names a pool or none.
func throughLayer4(p *process, named string, cx *layer4.Connection) *arrival {
	a := newArrival(p, cx.Conn)
	a.named, a.already, a.remote = named, cx.MatchingBytes(), cx.RemoteAddr().String()
	a.decrypted = decrypted(l4tls.GetConnectionStates(cx))
	return a
}

// throughListener is a client that comes to an address of the app's own. Where that leads, the plan in force says.
func throughListener(p *process, address string, conn net.Conn) *arrival {
	a := newArrival(p, conn)
	if a.plan == nil {
		return a
	}
	e := a.plan.leads[address]
	switch {
	case e == nil:
		a.closed = true
	case len(e.names) == 1:
		a.named = e.names[0]
	default:
		a.among = e
	}
	return a
}

func (a *arrival) handle() {
	if network := a.conn.LocalAddr().Network(); strings.HasPrefix(network, "udp") {
		a.log("a datagram came for a pool; Postgres speaks over TCP and Unix sockets, change the listen address", errUDP)
		a.conn.Close()
		return
	}
	client, err := a.login()
	if err == nil && client != nil {
		err = a.handOver(client)
	}
	if err != nil {
		a.log("a client was not let in", err)
	}
	a.process.counts.logins.count(loginOutcome(client, err))
	switch {
	case err != nil || client == nil:
	case a.console != nil:
		a.console.run(a.conn)
	case a.pump != nil:
		a.pump.run()
	}
}

var errUDP = errors.New("not a stream")

// login lets the client in; nil without an error for a CancelRequest, which has then been passed on.
func (a *arrival) login() (*login.Client, error) {
	if a.running == nil || a.plan == nil {
		return a.accept(refusalTimeout, a.refuseAll(shuttingDown()))
	}
	if a.closed {
		return a.accept(refusalTimeout, a.refuseAll(closedAddress(a.plan)))
	}
	if err := a.fits(); err != nil {
		return a.refuseForLackOfRoom(err)
	}
	a.patience = time.Now().Add(a.plan.loginTimeout - a.plan.loginTimeout/10) // the rest is for telling that it was in vain
	defer func() {
		if a.turn != nil {
			a.turn.leave()
		}
	}()
	return a.accept(a.plan.loginTimeout, a.choose)
}

// fits tells whether descriptors run out.
func (a *arrival) fits() error {
	if fd, ok := descriptor(a.conn); ok {
		return theLimit.fits(fd, forClients)
	}
	return theLimit.room(forClients) // the socket is somewhere inside
}

// refuseForLackOfRoom tells the client so, as long as telling does not itself take the room.
func (a *arrival) refuseForLackOfRoom(err error) (*login.Client, error) {
	if a.plan.rescuers != nil {
		a.plan.rescuers.start()
	}
	if !a.process.logins.enterRefusal() {
		a.conn.Close()
		return nil, err
	}
	defer a.process.logins.leaveRefusal()
	return a.accept(refusalTimeout, a.refuseAll(lackOfRoom(err)))
}

// chooser says how a client has to prove who it is, or why it need not try.
type chooser func(*login.Startup) (login.Auth, *login.Refusal)

func (a *arrival) accept(timeout time.Duration, choose chooser) (*login.Client, error) {
	ctx, stop := context.WithTimeout(context.Background(), timeout)
	defer stop()
	client, cancel, err := login.Accept(ctx, a.conn, a.already, login.Config{TLS: a.tls(), Late: a.tooLate(), Choose: choose})
	if err != nil {
		a.leave()
		return nil, err
	}
	if cancel != nil {
		if a.running != nil && !a.process.consoles.cancel(cancel.PID, cancel.Secret) {
			// A client that waits for the end of this connection knows that its next query is not meant.
			select {
			case <-a.running.Cancel(cancel.PID, cancel.Secret):
			case <-ctx.Done():
			}
		}
		cancel.Done(a.conn)
	}
	return client, nil
}

// tls is how this client may encrypt; nil: it may not, or has.
func (a *arrival) tls() *tls.Config {
	switch {
	case a.plan == nil, a.decrypted != nil:
		return nil
	case a.named == "":
		return a.among.tls
	}
	if pool := a.plan.pools[a.named]; pool != nil {
		return pool.tls.config
	}
	return nil
}

// tooLate is what a client is told that takes longer than it may.
func (a *arrival) tooLate() *login.Refusal {
	if a.plan == nil {
		return nil
	}
	return &login.Refusal{
		SQLState: "57014", Message: "canceling authentication due to timeout",
		Detail: fmt.Sprintf("client_login_timeout is %v.", a.plan.loginTimeout),
		Hint:   "Answer faster, log in less often, or raise client_login_timeout.",
	}
}

// choose finds the client's pool and counts it in.
func (a *arrival) choose(s *login.Startup) (login.Auth, *login.Refusal) {
	if s.TLS == nil {
		s.TLS = a.decrypted
	}
	if a.plan.isConsole(s.Database) {
		return a.chooseConsole(s)
	}
	pool, refusal := a.findPool(s.Database)
	if refusal == nil {
		s.TLS = pool.tls.trusted(s.TLS)
		refusal = pool.tls.check(s, a.bySocket())
	}
	if refusal == nil && (a.named == "" || a.decrypted != nil) {
		refusal = pool.tls.checkElsewhere(s)
	}
	if refusal != nil {
		return login.Auth{}, refusal
	}
	a.pool = pool
	if refused := a.running.Admit(pool.name, a.remote); refused != nil {
		return login.Auth{}, toClient(refused)
	}
	a.admitted = pool.name
	return pool.auth, a.waitForTurn(a.process.logins.turns)
}

// bySocket reports whether the client has come by a Unix socket. One that a proxy's header names has not.
func (a *arrival) bySocket() bool { return a.conn.LocalAddr().Network() == "unix" }

// waitForTurn waits until it may log in, among others like it. Who says nothing has no turn, and takes none from others; who says something counts for its address.
func (a *arrival) waitForTurn(among turns) *login.Refusal {
	if !among.enter(a.patience) {
		return manyLogins()
	}
	a.turn = among
	return nil
}

func (a *arrival) findPool(database string) (*pool, *login.Refusal) {
	if a.named == "" {
		if pool := a.among.poolFor(database); pool != nil {
			return pool, nil
		}
		return nil, unknownDatabase(database)
	}
	pool := a.plan.pools[a.named]
	if pool == nil {
		return nil, toClient(removedPool(a.named))
	}
	if _, ok := pool.databases.match(database); !ok {
		return nil, unknownDatabase(database)
	}
	return pool, nil
}

func (a *arrival) refuseAll(r *login.Refusal) chooser {
	return func(*login.Startup) (login.Auth, *login.Refusal) { return login.Auth{}, r }
}

// leave gives the admission back, if there is one.
func (a *arrival) leave() {
	if a.admitted != "" {
		a.running.Leave(a.admitted, a.remote)
		a.admitted = ""
	}
}

func (a *arrival) log(message string, err error) {
	a.process.logger().Debug(message, zap.String("client", a.remote), zap.Error(err))
}

// toClient is an engine's refusal in words for a client.
func toClient(r *engine.Refusal) *login.Refusal {
	return &login.Refusal{SQLState: r.SQLState, Message: r.Message, Detail: r.Detail, Hint: r.Hint}
}
