package engine

import (
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// The timeouts of clients that have a server. What they cost a query is some timestamps: a server has one timer, that is
// set when it gets a client, finds out when it is due what the server has been doing, and is set again for the earliest
// time at which anything can be over. That is never later than the shortest timeout from now, so whatever begins
// meanwhile is not missed.
//
// All of them count as PgBouncer does: from what the server was sent to what it has answered, whoever is slow. A client
// that does not read its answer, or lets a COPY wait for its data, holds the server as a long query does.

// cancelGrace is how long a query may go on after query_timeout has cancelled it. Then its client and its server are
// closed: Postgres does not hear a cancel while it waits for a client's data, or for a client to read.
const cancelGrace = 5 * time.Second

// clockAgain is when a timer looks again at what is over but cannot be ended at this moment.
const clockAgain = time.Millisecond

// clockRound is how long a timer is set ahead at most: those of servers that are gone are forgotten after that.
const clockRound = time.Minute

// clock is what is known of the time of a server that has a client. 0 is never.
type clock struct {
	// running is since when it works on what it owes next: each message has its own time, as with statement_timeout.
	// answers is how many replies had ended then, and done how many transactions.
	running int64
	answers uint32
	done    uint64
	// began is when the transaction began, that of a single statement included; rests since when nothing is owed.
	began, rests int64
	// overrun is when query_timeout has cancelled what runs now.
	overrun int64
	// armed is when the timer is due; those due at other times have been replaced.
	armed int64
}

// startClock begins with a new client, and sets the timer where one is needed.
func (s *Shard) startClock(srv *server) {
	srv.clock = clock{rests: s.now, armed: srv.armed, answers: srv.Answers(), done: srv.Transactions}
	srv.Instead = nil
	srv.ForgetLast()
	s.arm(srv)
}

// sent notes that a client has said something to its server.
func (s *Shard) sent(srv *server) {
	if srv.running == 0 && srv.Owes() {
		srv.running, srv.answers = s.now, srv.Answers()
	}
	if srv.began == 0 && (srv.running != 0 || srv.InTransaction()) {
		srv.began = s.now
	}
}

// heard notes what a server has answered to its client.
func (s *Shard) heard(srv *server) {
	if srv.Answers() != srv.answers {
		srv.answers, srv.running, srv.overrun = srv.Answers(), s.now, 0
	}
	if !srv.Owes() {
		if srv.running != 0 { // else it speaks unasked
			srv.rests = s.now
		}
		srv.running, srv.overrun = 0, 0
		s.calledOff(srv)
	}
	if srv.done != srv.Transactions {
		s.endTrace(srv, false)
		srv.done, srv.began = srv.Transactions, 0
		if srv.Owes() || srv.InTransaction() { // the next one has been sent already
			srv.began = s.now
		}
	}
}

// calledOff ends what a query_timeout has begun, when the cancel has been delivered and nothing is left that it could have
// hit: an error that comes now has another reason, and the client may go on.
func (s *Shard) calledOff(srv *server) {
	if srv.cancel == 0 && !srv.Owes() {
		srv.Instead = nil
	}
}

// shortest is the shortest of the timeouts that are configured; 0 if none is.
func (cfg *PoolConfig) shortest() (least time.Duration) {
	for _, d := range [...]time.Duration{cfg.QueryTimeout, cfg.TransactionTimeout, cfg.IdleTransactionTimeout} {
		if d > 0 && (least == 0 || d < least) {
			least = d
		}
	}
	return least
}

// hasTimeouts reports whether any of them is configured.
func (cfg *PoolConfig) hasTimeouts() bool {
	return cfg.QueryTimeout > 0 || cfg.TransactionTimeout > 0 || cfg.IdleTransactionTimeout > 0
}

// timesOut reports whether the timeouts are for this server: it has an ordinary client.
func (srv *server) timesOut() bool { return srv.purpose == linked && srv.straight == nil }

// arm sets the timer of a server for when something may be over.
func (s *Shard) arm(srv *server) {
	cfg := srv.pool.config()
	srv.Remember = cfg.IdleTransactionTimeout > 0
	if !cfg.hasTimeouts() && srv.overrun == 0 {
		return
	}
	at := s.now + int64(clockRound)
	if least := cfg.shortest(); least > 0 {
		at = min(at, s.now+int64(least))
	}
	for _, over := range [...]int64{s.queryOver(srv, cfg), srv.transactionOver(cfg), srv.restOver(cfg)} {
		at = min(at, max(over, s.now+int64(clockAgain)))
	}
	if srv.armed > s.now && srv.armed <= at {
		return
	}
	srv.armed = at
	s.timers.Set(loop.Timer{At: at, Kind: timerClock, Ref: srv.Conn})
}

// rearm sets the timers anew, after the timeouts have changed.
func (s *Shard) rearm() {
	for _, srv := range s.slots.servers {
		if srv != nil && srv.timesOut() {
			s.arm(srv)
		}
	}
}

// queryOver is when what runs has run too long; Never if it cannot.
func (s *Shard) queryOver(srv *server, cfg *PoolConfig) int64 {
	switch {
	case srv.running == 0:
	case srv.overrun != 0:
		return srv.overrun + int64(cancelGrace)
	case cfg.QueryTimeout > 0 && srv.Asked(): // a cancel would hit what is ours, which has as long to end as a query that is cancelled
		over := srv.running + int64(cfg.QueryTimeout)
		if last := over + int64(cancelGrace); s.now >= last {
			return last
		}
		return max(over, s.now+int64(clockAgain))
	case cfg.QueryTimeout > 0 && srv.cancel != 0: // perhaps that ends it
		return max(srv.running+int64(cfg.QueryTimeout), s.now+int64(cancelAgain))
	case cfg.QueryTimeout > 0:
		return srv.running + int64(cfg.QueryTimeout)
	}
	return loop.Never
}

// transactionOver is when the transaction has been open too long.
func (srv *server) transactionOver(cfg *PoolConfig) int64 {
	if cfg.TransactionTimeout <= 0 || srv.began == 0 {
		return loop.Never
	}
	return srv.began + int64(cfg.TransactionTimeout)
}

// restOver is when the transaction has rested too long.
func (srv *server) restOver(cfg *PoolConfig) int64 {
	if cfg.IdleTransactionTimeout <= 0 || srv.began == 0 || srv.running != 0 {
		return loop.Never
	}
	return srv.rests + int64(cfg.IdleTransactionTimeout)
}

// clockDue does what has become due, and sets the timer again.
func (s *Shard) clockDue(conn uint64) {
	srv := s.serverAt(conn)
	if srv == nil || srv.armed == 0 || s.now < srv.armed {
		return // a timer that an earlier one has replaced
	}
	srv.armed = 0
	if !srv.timesOut() {
		return // its next client sets another
	}
	cfg, c := srv.pool.config(), s.clientOf(srv)
	switch {
	case s.now >= srv.transactionOver(cfg):
		s.finishClient(c, transactionTooLong(cfg).message("FATAL"))
		return
	case s.now >= srv.restOver(cfg) && c.blocked == session.More:
		s.restedTooLong(srv, c, cfg)
		return
	case s.now >= s.queryOver(srv, cfg):
		if srv.overrun != 0 || srv.Asked() {
			s.notice(Warn, "a query did not end when query_timeout had cancelled it; its client and its server are closed", srv,
				"Postgres does not hear a cancel while it waits for a client, or the network to it is gone")
			s.sever(srv, c, queryTooLong(cfg).message("FATAL"))
			return
		}
		s.cancelOverrun(srv, c, cfg)
	}
	s.arm(srv)
}

// cancelOverrun cancels a query that has run too long. What the client sends waits until the cancel has been delivered: it
// is not what the cancel is for.
func (s *Shard) cancelOverrun(srv *server, c *client, cfg *PoolConfig) {
	srv.overrun = s.now
	srv.Instead = queryTooLong(cfg).message("ERROR")
	c.blocked = session.Await
	srv.pool.counts.Cancels++
	s.cancelServer(srv, nil)
}

// mayGoOn reports whether a client that was to await its server's answers may go on: they have come, or will not before
// it has said all of its message, and what query_timeout has sent can hit nothing any more but what it is for.
func (srv *server) mayGoOn(c *client) bool {
	if srv.cancel != 0 && len(srv.Instead) > 0 {
		return false
	}
	return srv.Answered() || c.MidFrame()
}

// delivered takes the news that the cancel of a server with a client has been delivered.
func (s *Shard) delivered(srv *server) {
	s.calledOff(srv)
	if c := s.clientOf(srv); c != nil && srv.timesOut() {
		s.relieve(srv, c)
	}
}

// sever closes a server that cannot be cleaned, and its client with a last word.
func (s *Shard) sever(srv *server, c *client, message []byte) {
	if srv.MidMessage() {
		message = nil
	}
	srv.client, c.server = 0, 0
	srv.linking(s.now, -1)
	c.state = clientIdle
	s.closeServer(srv)
	s.finishClient(c, message)
}

// restedTooLong ends a client that lets a transaction rest, and logs what is needed to find out why.
func (s *Shard) restedTooLong(srv *server, c *client, cfg *PoolConfig) {
	k := srv.pool.shared.poolKey
	application, _ := s.profiles[c.Settings].value(applicationName)
	s.engine.host.Log(Notice{
		Level: Warn, Message: "a client has let a transaction rest for idle_transaction_timeout and is closed; the transaction is rolled back",
		Pool: k.pool, Database: k.database, User: s.loginOf(c), Upstream: srv.upstream.address, Address: c.Address(), Application: application,
		Elapsed: time.Duration(s.now - srv.rests), Statement: withoutPassword(string(srv.Last())),
		Cause: "the application does not end its transaction, or does something slow inside it",
	})
	s.finishClient(c, restsTooLong(cfg).message("FATAL"))
}

// withoutPassword is a statement up to where it speaks of a password, if it does: what follows is not for logs.
func withoutPassword(text string) string {
	const word = "password"
	for i := 0; i+len(word) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(word)], word) && i+len(word) < len(text) {
			return text[:i+len(word)] + " …"
		}
	}
	return strings.ToValidUTF8(text, "�")
}

func queryTooLong(cfg *PoolConfig) *Refusal {
	return &Refusal{
		SQLState: "57014",
		Message:  "canceling statement due to query timeout",
		Detail:   "query_timeout is " + seconds(cfg.QueryTimeout) + ".",
		Hint:     "Make the query faster, or raise query_timeout of the pool.",
	}
}

func transactionTooLong(cfg *PoolConfig) *Refusal {
	return &Refusal{
		SQLState: "25P04",
		Message:  "terminating connection due to transaction timeout",
		Detail:   "transaction_timeout is " + seconds(cfg.TransactionTimeout) + "; the transaction is rolled back.",
		Hint:     "Make the transaction shorter, or raise transaction_timeout of the pool.",
	}
}

func restsTooLong(cfg *PoolConfig) *Refusal {
	return &Refusal{
		SQLState: "25P03",
		Message:  "terminating connection due to idle-in-transaction timeout",
		Detail:   "idle_transaction_timeout is " + seconds(cfg.IdleTransactionTimeout) + "; the transaction is rolled back.",
		Hint:     "End transactions as soon as their work is done, or raise idle_transaction_timeout of the pool.",
	}
}
