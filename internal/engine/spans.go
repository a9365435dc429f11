package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// A client may tell which trace its transaction belongs to: in a comment of its first text, as sqlcommenter does it, with the traceparent of
// W3C Trace Context. The Host is then told of the transaction when it is over. Of a text nothing is kept but its normal form.
//
//	SELECT 1 /*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/

// Span is a transaction that belongs to a trace.
type Span struct {
	// Parent is the traceparent, as the client has written it; it is one that there can be.
	Parent                                            string
	Pool, Database, User, Login, Application, Address string
	// Upstream is where it ran; empty: the query cache has answered.
	Upstream string
	// Kind and Form are the kind of its first query, and its normal form.
	Kind, Form string
	// Ago is how long ago it was asked for; Took how long it took, which Waited for a server is a part of.
	Ago, Took, Waited time.Duration
	Reason            Reason
	Queries           int
	// Failed: a query of it has failed, or it was not completed.
	Failed bool
}

const (
	traceparent = "traceparent"
	// traceparentLen is the length of one of version 00: 00-<trace, 32>-<parent, 16>-<flags, 2>.
	traceparentLen = 55
)

// trace is what is known of the transaction that a server runs for a client that has told.
type trace struct {
	parent        [traceparentLen]byte // it has told, if the first is not 0
	asked, waited int64
	queries       int
	kind, form    string
	failed        bool
}

func (t *trace) on() bool { return t.parent[0] != 0 }

// isTraceparent reports whether a text is a traceparent, of version 00 or a later one that begins so. All zeros are none.
func isTraceparent(b []byte) bool {
	if len(b) != traceparentLen || b[2] != '-' || b[35] != '-' || b[52] != '-' || string(b[:2]) == "ff" {
		return false
	}
	return isHex(b[:2]) && isHex(b[3:35]) && isHex(b[36:52]) && isHex(b[53:]) && !isZeros(b[3:35]) && !isZeros(b[36:52])
}

func isHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isZeros(b []byte) bool {
	for _, c := range b {
		if c != '0' {
			return false
		}
	}
	return true
}

// beginTrace notes what a client tells of the transaction that it is about to begin.
func (s *Shard) beginTrace(c *client, srv *server, data []byte) {
	srv.trace = trace{}
	parent := sql.CommentValue(c.FirstText(s.env, data), traceparent)
	if isTraceparent(parent) {
		srv.trace = trace{asked: s.now - srv.waited, waited: srv.waited}
		copy(srv.trace.parent[:], parent)
	}
}

// traceQuery notes a query of a transaction that is traced.
func (s *Shard) traceQuery(srv *server, r *session.Ran) {
	t := &srv.trace
	if t.queries++; t.queries == 1 {
		t.kind, t.form = r.Kind.String(), string(s.readForm(r))
	}
	t.failed = t.failed || r.Failed
}

// endTrace tells of a transaction that is over, or will not be completed.
func (s *Shard) endTrace(srv *server, failed bool) {
	t := srv.trace
	if !t.on() {
		return
	}
	srv.trace = trace{}
	k := srv.pool.shared.poolKey
	span := Span{
		Parent: string(t.parent[:]), Pool: k.pool, Database: k.database, User: k.user, Login: k.user, Upstream: srv.upstream.address,
		Kind: t.kind, Form: t.form, Ago: time.Duration(s.now - t.asked), Took: time.Duration(s.now - t.asked), Waited: time.Duration(t.waited),
		Queries: t.queries, Failed: t.failed || failed,
	}
	if c := s.clientOf(srv); c != nil {
		span.Login, span.Application, span.Address, span.Reason = s.loginOf(c), s.application(c.Settings), c.Address(), c.last.reason
	}
	s.engine.host.Trace(span)
}

// traceHit tells of a query that the cache has answered.
func (s *Shard) traceHit(c *client, q *question) {
	parent := sql.CommentValue(q.Text, traceparent)
	if !isTraceparent(parent) {
		return
	}
	k := s.pools[c.pool].shared.poolKey
	s.engine.host.Trace(Span{Parent: string(parent), Pool: k.pool, Database: k.database, User: k.user, Login: s.loginOf(c),
		Application: s.application(c.Settings), Address: c.Address(), Kind: session.KindSelect.String(), Form: string(s.readFormOf(q.Text, false)), Reason: ReasonCached, Queries: 1})
}
