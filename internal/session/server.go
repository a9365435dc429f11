package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// Server is one connection to Postgres, as far as the protocol goes.
type Server struct {
	Conn uint64 // loop.ID
	// Prepared is what it has prepared; it stays true when the server moves to another shard.
	Prepared prepared.ServerSet
	// MaxPrepared bounds Prepared.
	MaxPrepared int
	// Pins is what the present client has left in its session.
	Pins Pins
	// Lost is what it has left there that does not stay, because pinning is off: the server is cleaned.
	Lost Pins
	// Settings identifies what its session is set to, but for what Touched says.
	Settings uint64
	// Touched is what its present client may have changed of its session.
	Touched Touched
	// behind: a text was sent while what another does was still to come, so that it was read by what had been before that.
	behind bool
	// Sequences is what is known of the numbers that its session has drawn, and Habit whether clients ask for such.
	Sequences Sequences
	Habit     *Habit
	// Suspects is what texts are looked through for; nil: they are not. Defining: a text of the transaction may have defined
	// more of them; who has noticed takes it back.
	Suspects *SuspectList
	Defining bool
	// Channels is what its session listens to.
	Channels Channels
	// Markers tells whether anybody hears who notifies by way of it; nil: it cannot be said.
	Markers *Markers
	// Status is what the last ReadyForQuery said.
	Status byte
	// CancelComes: a cancel is on its way to it, which would hit what is put ahead of the client's text.
	CancelComes bool

	owed  Owed
	named named
	// open: extended messages were sent that no Sync has ended yet; executes: an Execute is among them.
	open, executes bool
	// skipping: it met an error and ignores everything up to a Sync that has not been sent yet.
	skipping bool
	// copyIn: it reads CopyData; until the client's CopyDone or CopyFail it ignores Sync.
	copyIn, copyEnded bool
	// cut: it was told that the COPY fails, because its client has ended its half of the connection; until all is answered.
	cut bool
	// unsure: a Sync was sent of which nobody knows whether it will be answered. Such a server is never used again, but
	// if only of this COPY, doubted, that is not known, and it succeeds: it has read the Sync amid its data.
	unsure, doubted bool
	// dataSent: CopyData was sent behind the last Execute or Query; with doubted, before a Sync that is doubted.
	dataSent bool
	// native is what the statements do with channels that it knows by the client's own names: which of them does, nobody knows.
	native sql.Effects
	texts  nativeTexts
	// Guesses is how many texts run on it, or have, that are being read: Env.Runs was told them. What they do to names is not known.
	Guesses int
	// nativeDefines: one of those that it knows by the client's own names may change the catalog.
	nativeDefines bool
	// private: its unnamed statement is the present client's and was too large to be remembered. stray: it is somebody's
	// of another shard.
	private, stray bool
	// barrier: a DEALLOCATE or DISCARD is on its way, or a batch that may fail before one of its Parses and Closes; what
	// names mean, and what the server has, is known when all is answered. mayUndo: the present batch is such a one.
	barrier, mayUndo bool
	// influx, if not 0, stands for the meaning of texts while settings are in flux.
	influx uint64
	// discarded is the SQL that makes up for a DISCARD ALL that is on its way; restoringDiscarded: it is.
	discarded          []string
	restoringDiscarded bool
	// reply counts the statements of the simple Query at the head that have been answered.
	reply uint
	// defaults: the open transaction may have changed what new sessions begin with.
	defaults bool
	// changing: its client has changed the schema, in a transaction that is not over. ownTables: the client has made, or
	// dropped, temporary ones.
	changing, ownTables bool
	// reshaping: it counts in Schema.reshaping. shapeAsked: what the client waits for to know has just been answered.
	reshaping, shapeAsked bool
	// signalled is the signals that what is on its way may send.
	signalled sql.Effects
	answers   signalAnswers
	// ReadsOnly: its client's writes go elsewhere. Tracks: Env.Runs is told what runs on it.
	ReadsOnly, Tracks bool
	units
	// begins: what is on its way may open a transaction.
	begins bool
	// ending: it was sent what it ends the connection for. Dying: it said FATAL; ShutDown: because an operator or a crash ends it.
	ending          bool
	Dying, ShutDown bool
	// unnamed is what its unnamed statement is; it holds a reference.
	unnamed prepared.StmtID
	// unnamedCopy is what is known of that.
	unnamedCopy prepared.Copy
	// mentions is the names in the texts that are on their way, in order; bound those in the texts of portals.
	mentions []mention
	bound    []bound
	// stood is the statements that the server knows by the client's own names, of which something follows when they run.
	stood []stands
	// finished is how many statements of the simple Query at the head have run, if its text has mentions.
	finished int
	// untidy: a command of ours has failed, and its statement is still there.
	untidy bool
	// oursFailed: it is something of ours that has made it skip.
	oursFailed bool
	// kept is the error of something of ours for which the client's next one stands.
	kept []byte

	// left is the bytes of the present message that are still to come, and toClient whether they are forwarded.
	left     int
	toClient bool
	// hold is the beginning of a message that must be seen whole.
	hold []byte

	// Failed: the last query of ours met an error; its ErrorResponse is in Failure. rows is the rows of its answer, if they
	// were wanted.
	Failed  bool
	Failure []byte
	rows    []byte
	maxRows int

	// Remember: the text of what the client runs is kept, see Last.
	Remember bool
	last     []byte
	// Instead, if set, is the ErrorResponse that the client sees in place of the next one that says that the statement was
	// cancelled by a user's request: the user was the pooler.
	Instead []byte

	// OnParameter, if set, is told every ParameterStatus; OnAnswer, when a query of ours has been answered, before its client
	// receives anything that comes after it. OnNotice is told every NoticeResponse to a query of ours, whole. OnNotification, if set, is told every NotificationResponse, whole, and nobody else.
	OnParameter    func(name, value []byte)
	OnAnswer       func()
	OnNotice       func(m []byte)
	OnNotification func(m []byte)
	// Queries counts the replies that ended, and Kinds by kind; Transactions those that left no transaction open.
	Queries, Transactions uint64
	Kinds                 [QueryKinds]uint64
	kind                  QueryKind // of the last CommandComplete, for the reply that it is of
	// ranRows is the rows of the query at the head so far, and ranFailed whether it has met an error.
	ranRows   uint64
	ranFailed bool
	portals   portals
}

// Releasable reports whether the server may serve another client, as far as the protocol tells:
//
//  1. the last ReadyForQuery said that no transaction is open;
//  2. no reply is owed;
//  3. no extended message waits for its Sync;
//  4. no COPY is open;
//  5. it has sent no half message;
//  6. nothing is unsure, and it was sent nothing that it ends the connection for.
//
// Whether the client is in mid-frame, what pins it and which cancels are on their way, the caller knows.
func (s *Server) Releasable() bool {
	return s.Status == pgwire.StatusIdle && s.Settled() && !s.unsure && !s.Dying
}

// Settled is Releasable but for the transaction, which may be open.
func (s *Server) Settled() bool {
	return s.owed.len() == 0 && !s.open && !s.skipping && !s.copyIn && s.left == 0 && len(s.hold) == 0 && !s.ending
}

// Owes reports whether replies are owed.
func (s *Server) Owes() bool { return s.owed.len() > 0 }

// Finishing reports whether it will answer, or end the connection, without hearing more: what its client has asked so far is
// being done.
func (s *Server) Finishing() bool { return s.ending || s.owed.asked() && (!s.copyIn || s.copyEnded) }

// Answered reports whether a client that was to Await may go on: all has been answered, or nothing will be before the
// client says more, because the server reads a COPY.
func (s *Server) Answered() bool { return s.owed.len() == 0 || s.copyIn && !s.copyEnded }

// Relieved reports whether so little is owed that a client that was Blocked may go on.
func (s *Server) Relieved() bool { return s.owed.relieved() }

// mayRefuse reports whether, for all that is known, what is sent now meets a failed transaction.
func (s *Server) mayRefuse() bool {
	return s.Status == pgwire.StatusFailed || s.owed.batches > 0 && (s.begins || s.Status == pgwire.StatusActive)
}

// Unsure reports whether the server can never be used again.
func (s *Server) Unsure() bool { return s.unsure }

// MidMessage reports whether the client has received a message in part.
func (s *Server) MidMessage() bool { return s.left > 0 && s.toClient }

// Abandon makes the server finish, for nobody, what its client began: the open COPY fails, the open batch is ended.
// What it still owes is swallowed. It reports false if that cannot be done, because half a frame was forwarded.
func (s *Server) Abandon(e *Env, c *Client) bool {
	if c.MidFrame() || s.unsure {
		return false
	}
	s.finish(e)
	return true
}

// finish says what its client owes it: that the COPY has failed, that the batch is over. Postgres rolls a batch back
// whose client leaves before its Sync; so the batch is made to fail first, or Sync would commit it.
func (s *Server) finish(e *Env) {
	fails := s.skipping
	if s.copyIn && !s.copyEnded {
		e.Wire.Send(s.Conn, e.keep(pgwire.AppendCopyFail(e.room(64), "client disconnected")))
		s.copyEnded, fails = true, true
	}
	if s.open || s.skipping {
		if !fails {
			s.owed.push(oweDescribe, prepared.None)
			e.Wire.Send(s.Conn, e.keep(pgwire.AppendStatement(e.room(64), pgwire.Describe, []byte(prepared.ServerNamePrefix))))
		}
		e.Wire.Send(s.Conn, e.keep(pgwire.AppendEmpty(e.room(8), pgwire.Sync)))
		s.pushSync()
	}
}

// doubt notes that a Sync was sent into a COPY: should that have failed before the server read it, it will be answered.
func (s *Server) doubt() {
	s.doubted = s.doubted || !s.unsure
	s.unsure = true
}

func (s *Server) pushSync() {
	s.owed.push(oweSync, prepared.None).behindData = s.dataSent
	s.open, s.executes, s.skipping, s.discarded = false, false, false, nil
	s.barrier, s.mayUndo = s.barrier || s.mayUndo, false
}

// Cleaned notes that the reset query has run: the session is as it was at its start.
func (s *Server) Cleaned(e *Env) {
	s.Pins, s.Lost, s.Settings, s.ownTables = 0, 0, 0, false
	s.Channels = Channels{}
	s.stood, s.texts = s.stood[:0], nativeTexts{}
	s.Known()
	s.Prepared.Clear()
	s.setUnnamed(e, prepared.None)
	s.untidy, s.native, s.nativeDefines = false, 0, false
}

// Known notes that what its client may have changed is known now.
func (s *Server) Known() {
	s.Touched.Forget()
	s.influx = 0
}

// Leave makes the server fit to go to another shard: it forgets what only this shard knows.
func (s *Server) Leave(e *Env) {
	stray := s.stray || s.unnamed != prepared.None
	s.setUnnamed(e, prepared.None)
	s.stray, s.portals = stray, portals{}
	if s.Guesses > 0 { // nobody will tell the other shard what has come of them
		s.texts.doubt()
		s.Guesses = 0
	}
}

// setUnnamed notes what the unnamed statement is now.
func (s *Server) setUnnamed(e *Env, id prepared.StmtID) {
	s.private, s.stray, s.unnamedCopy = false, false, prepared.Copy{At: e.Schema.shapes()}
	if id == s.unnamed {
		return
	}
	if id != prepared.None {
		e.Statements.Retain(id)
	}
	e.release(s.unnamed)
	s.unnamed = id
}

// Drop gives back the references of a server that is closed.
func (s *Server) Drop(e *Env) {
	s.setUnnamed(e, prepared.None)
	s.reshaped(e)
	s.forgetMentions(e)
	for s.owed.len() > 0 {
		s.settle(e, s.owed.pop())
	}
}

// settle gives back what an entry held.
func (s *Server) settle(e *Env, o owed) {
	if o.replaced {
		e.release(o.before)
	}
	switch o.kind {
	case oweParse, oweParseOurs, oweBind, oweDescribe, oweDescribeOurs, oweExecuteOurs, dueParse, dueClose:
		e.release(o.stmt)
	}
}
