package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// Postgres holds a prepared statement to the columns that it returned when it was prepared: where they have changed, it refuses
// them (0A000) until the client prepares it again. A driver relies on that, and reads rows by a description
// that it was given once. Here a server that prepares the statement only now would return the new columns. (trap 19)
//
// So there is, for every name of a client, the shape that the client was told by it, and for every copy on a server the
// shape that it returns, as far as either is known. Rules for a Bind of a statement whose shape was told:
//
//  1. If the copy is known to return that shape, it goes on: should the schema have changed since, Postgres refuses it.
//  2. If it is not known what the copy returns, but nothing has changed in any schema since it was made and since the
//     statement was asked last, on whatever server, and answered with the shape told, it goes on.
//  3. Else the copy is made anew, and asked by a Describe of ours before anything is sent behind it. If it returns another
//     shape than the one told, the Bind is refused as Postgres does it.
//
// Who was told nothing, because it has asked for no description yet, is served; and who asks again is told again.

// shaped is the shape that a statement had when it was last asked, on any server of the shard.
type shaped struct {
	hash  prepared.Hash
	shape prepared.Shape
	at    uint32 // Schema.shapes, when it was asked
}

// shapes counts what may have changed the columns of statements.
func (x *Schema) shapes() uint32 { return x.changes.Load() + x.unseen.Load() }

// Doubt notes that something has shown that the columns of statements may have changed without our seeing.
func (x *Schema) Doubt() { x.unseen.Add(1) }

// trusted is the shape of the statement on whatever server, 0 if that may have changed since it was asked.
func (e *Env) trusted(id prepared.StmtID) prepared.Shape {
	if int(id) >= len(e.shaped) || e.Schema.reshaping.Load() != 0 {
		return 0
	}
	if k := &e.shaped[id]; k.at == e.Schema.shapes() && k.hash == e.Statements.Hash(id) {
		return k.shape
	}
	return 0
}

// trusted is Env.trusted on this server: who has temporary tables may have one in the place of another's.
func (s *Server) trusted(e *Env, id prepared.StmtID) prepared.Shape {
	if s.Pins&PinTemp != 0 {
		return 0
	}
	return e.trusted(id)
}

// learn notes what a server has said of the shape of a statement, asked at that time. If it has changed though no change was
// seen, one has gone past us, and nothing is trusted that was known before.
func (e *Env) learn(id prepared.StmtID, shape prepared.Shape, at uint32) {
	if at != e.Schema.shapes() {
		return
	}
	if was := e.trusted(id); was != 0 && was != shape {
		e.Schema.Doubt()
		return
	}
	for int(id) >= len(e.shaped) {
		e.shaped = append(e.shaped, make([]shaped, 64+len(e.shaped))...)
	}
	e.shaped[id] = shaped{e.Statements.Hash(id), shape, at}
}

// asTold sees to it that the statement which was looked for last returns what its client was told. If not, or if that is not
// known yet, it reports false: the Bind, of that length, was refused, or the client waits.
func (f *feed) asTold(on prepared.StmtID, name []byte, length int) bool {
	s := f.s
	asked := s.shapeAsked
	s.shapeAsked = false
	if f.told <= prepared.NoRows || f.told == f.copy.Shape {
		return true
	}
	known, trusted := f.copy.Shape != 0, s.trusted(f.e, on)
	switch {
	case !known && trusted == f.told && f.copy.At == f.e.Schema.shapes():
		return true
	case s.owed.batches > 0: // whether the transaction has failed is told soon
		f.flushServer()
		f.stop = Await
		return false
	case s.Status == pgwire.StatusFailed:
		return true // which is what Postgres will say
	case known && (asked || trusted == f.copy.Shape || s.Pins&PinSession != 0):
		f.refuse(refusedShape, length, false)
		return false
	}
	if !f.fresh && s.Pins&PinSession == 0 {
		f.renew(on, name)
	}
	f.askShape(on, name)
	return false
}

// renew has the server prepare the statement anew.
func (f *feed) renew(on prepared.StmtID, name []byte) {
	if len(name) == 0 {
		f.s.setUnnamed(f.e, prepared.None)
		f.ensureUnnamed(on)
		return
	}
	f.s.Prepared.Add(f.e.Statements.Hash(on), staleVersion)
	f.ensure(on)
}

// askShape asks the server what its copy returns. The client waits for the answer.
func (f *feed) askShape(on prepared.StmtID, name []byte) {
	e, s := f.e, f.s
	e.Statements.Retain(on)
	s.owed.pushAbout(oweDescribeOurs, on, name).schema = e.Schema.shapes()
	s.open = true
	var ours []byte
	if len(name) > 0 {
		ours = e.Statements.ServerName(on)
	}
	f.put(e.keep(pgwire.AppendStatement(e.room(prepared.ServerNameLen+16), pgwire.Describe, ours)))
	f.flushServer()
	f.stop = Await
}

// tells notes that the client is going to be told the shape of the statement, by the Describe whose entry was pushed last,
// unless it will be told what it knows.
func (f *feed) tells(on prepared.StmtID, name []byte) {
	e, c := f.e, f.c
	o := f.s.owed.at(f.s.owed.tail - 1)
	switch {
	case on == prepared.None || e.effectsOf(on).Has(naming) || f.told != 0 && f.told == f.copy.Shape:
		return
	case len(name) == 0 && f.told == 0: // once for each query, with some drivers
		if c.unnamedTold = f.s.trusted(e, on); c.unnamedTold != 0 {
			return
		}
	}
	o.tells, o.schema = true, e.Schema.shapes()
}

// tellsPortal is tells for a Describe of a portal, if that was bound by the message before. It reports whether the client
// learns something by it.
func (f *feed) tellsPortal(frame []byte) bool {
	q := &f.s.owed
	if q.len() == 0 {
		return false
	}
	bound := *q.at(q.tail - 1)
	if bound.kind != oweBind || !bound.untold || len(frame) < pgwire.HeaderLen+1 {
		return false
	}
	portal, _, ok := pgwire.CString(frame[pgwire.HeaderLen+1:])
	if !ok || string(portal) != string(q.names[bound.name+bound.nameLen:][:bound.portalLen]) {
		return false
	}
	f.e.Statements.Retain(bound.stmt)
	o := q.pushAbout(oweDescribe, bound.stmt, q.nameOf(&bound))
	o.tells, o.schema = true, f.e.Schema.shapes()
	return true
}

// untold notes, with the Bind whose entry was pushed last, that its client has not been told what the statement returns, and
// may be by a Describe of the portal.
func (f *feed) untold(on prepared.StmtID, portal []byte) {
	q := &f.s.owed
	if f.told == 0 && !f.e.effectsOf(on).Has(naming) {
		o := q.at(q.tail - 1)
		o.untold, o.portalLen = true, uint32(len(q.keep(portal)))
	}
}

// learns reports whether the reply at the head tells a shape that is not known.
func (s *Server) learns() bool {
	if s.owed.head == s.owed.tail {
		return false
	}
	head := s.owed.at(s.owed.head)
	return head.tells || head.kind == oweDescribeOurs
}

// described takes a RowDescription or NoData, of the length given.
func (s *Server) described(e *Env, c *Client, m []byte, length int) {
	if s.learns() {
		o := s.owed.at(s.owed.head)
		shape := shapeIn(m, length)
		if !s.changing && s.Pins&PinTemp == 0 { // or nobody else can see it
			e.learn(o.stmt, shape, o.schema)
		}
		s.returns(e, o, shape)
		s.shapeAsked = s.shapeAsked || o.kind == oweDescribeOurs
		if o.tells && c != nil {
			c.told(e, s.owed.nameOf(o), o.stmt, shape)
		}
	}
	switch s.owed.first() {
	case oweDescribe, oweDescribeOurs:
		s.settle(e, s.owed.pop())
	}
}

// returns notes what the copy returns of which the message at the head asked, unless another has been sent meanwhile.
func (s *Server) returns(e *Env, o *owed, shape prepared.Shape) {
	for i := s.owed.head + 1; i != s.owed.tail; i++ {
		switch next := s.owed.at(i); next.kind {
		case oweParse, oweParseOurs, oweExecuteOurs:
			if next.stmt == o.stmt {
				return
			}
		}
	}
	now := prepared.Copy{Shape: shape, At: o.schema}
	if o.nameLen > 0 {
		s.Prepared.Note(e.Statements.Hash(o.stmt), now)
	} else if s.unnamed == o.stmt {
		s.unnamedCopy = now
	}
}

// told notes that the client was told the shape of its statement of that name.
func (c *Client) told(e *Env, name []byte, id prepared.StmtID, shape prepared.Shape) {
	if len(name) > 0 {
		e.Names.Tell(c.Slot, name, id, shape)
	} else if c.unnamed == id {
		c.unnamedTold = shape
	}
}

func shapeIn(m []byte, length int) prepared.Shape {
	switch {
	case m[0] == pgwire.NoData:
		return prepared.NoRows
	case len(m) < length:
		return prepared.TooWide
	}
	return prepared.ShapeOf(m[pgwire.HeaderLen:])
}

// mayReshape is kept with the effects of a statement, beside those that package sql knows: it may change what others
// return.
const mayReshape sql.Effects = 1 << 62

// reshapes reports whether a text may change the columns of other statements, what is temporary left aside.
func reshapes(st *sql.Statement, text []byte) bool {
	switch {
	case st.Effects.Has(sql.Temp):
		return false
	case st.Defines != 0 || st.Effects.Has(sql.Drops):
		return true
	}
	return st.Effects.Has(sql.DoBlock) && (containsFold(text, "alter") || containsFold(text, "create") || containsFold(text, "drop"))
}

// reshape notes that what is sent now may change the columns of statements: from now on, because it may be done before we hear
// of it, until its transaction is over.
func (f *feed) reshape(may bool) {
	if may && !f.s.reshaping {
		f.s.reshaping = true
		f.e.Schema.reshaping.Add(1)
	}
}

// reshaped ends what reshape has begun.
func (s *Server) reshaped(e *Env) {
	if s.reshaping {
		s.reshaping = false
		e.Schema.Doubt()
		e.Schema.reshaping.Add(-1)
	}
}

// appendReshaped appends what Postgres says of a statement that would return something else than it did; drivers know it by
// the routine.
func appendReshaped(to []byte) []byte {
	const fields = "SERROR\x00VERROR\x00C0A000\x00Mcached plan must not change result type\x00Fplancache.c\x00RRevalidateCachedQuery\x00\x00"
	n := 4 + len(fields)
	to = append(to, pgwire.ErrorResponse, 0, 0, byte(n>>8), byte(n))
	return append(to, fields...)
}
