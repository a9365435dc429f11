package session

import (
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// LISTEN, UNLISTEN and NOTIFY run on whatever server their client has, in its transaction, so that Postgres says about them
// what it says. But the server does not stay with a client that listens: the channels that it listens to when the transaction
// is over are the client's, and others hear them for it. So
//
//  1. the end of a transaction that may have changed channels, and of any of a client that listens, is not told to the client
//     yet: its last ReadyForQuery is held until the others listen, and have heard what was sent before;
//  2. a text to which it matters what the session listens to already (UNLISTEN, pg_listening_channels(), DISCARD ALL) meets
//     a session that does: the client's channels are put on the server before it. Inside a transaction that would be too
//     late, so they are put there before BEGIN.

// Listeners is who hears notifications for clients.
type Listeners interface {
	// Channels is the statements that have a session listen to what the client listens to.
	Channels(*Client) []string
	// PID is the process ID that a client knows as its own. Marker is the statement that says that what a server's session sends
	// from there on is sent by the client of that process ID; 0: by nobody who is known. Doubt says that what it has said so tells
	// nothing any more.
	PID(*Client) uint32
	Marker(*Server, uint32) string
	Doubt(*Server)
	// Notification is what a client is told now of a NotificationResponse that its own server has got; nil: nothing.
	Notification(*Server, *Client, []byte) []byte
	// Deliver sends a client the notifications that have waited for the end of its transaction.
	Deliver(*Client)
}

// Channels is what is known of the channels that the session of a server listens to.
type Channels struct {
	// Changed: a text of the present client may have changed them. Notified: the client listens, and has notified.
	Changed, Notified bool
	// Worn: what the client listened to before is among them. inside: only if the transaction that is open now does not
	// fail.
	Worn, inside bool
	// Unsure: what the client listened to before could not be put there, so what the session listens to tells nothing.
	Unsure bool
	// Held: the client has not been told that its transaction is over.
	Held bool
}

// wearing is the effects of texts before which the client's channels are put on the server.
const wearing = sql.Unlistens | sql.ListsChannels | sql.DiscardsAll | sql.Begins

// shares reports whether what the client listens to does not stay with its server. Who has begun so goes on so, whatever has
// changed meanwhile, until it listens to nothing.
func (f *feed) shares() bool {
	return f.e.Listeners != nil && (f.c.Listens || !f.c.ListensAlone && (f.s == nil || f.s.Pins&PinSession == 0))
}

// wear puts the client's channels on the server before a text of these effects. It reports false if everything before it
// has to be answered first.
func (f *feed) wear(effects sql.Effects) bool {
	c, s := f.c, f.s
	if !c.Listens || effects&wearing == 0 || s.Channels.Worn || s.Status == pgwire.StatusFailed || !f.shares() {
		return true
	}
	if s.owed.batches > 0 && !s.open || s.CancelComes {
		f.stop = Await
		return false
	}
	statements := f.e.Listeners.Channels(c)
	if s.Channels.Changed {
		statements = statements[1:] // the UNLISTEN * would end what this transaction listens to
	}
	s.Channels.Worn, s.Channels.inside = true, s.open || s.Status != pgwire.StatusIdle
	if s.open {
		f.extendedOurs(statements)
		return true
	}
	text := strings.Join(statements, ";")
	s.owed.push(oweQueryOurs, prepared.None)
	s.setUnnamed(f.e, prepared.None)
	f.put(f.e.keep(pgwire.AppendQuery(f.e.room(len(text)+8), text)))
	return true
}

// channels notes what a text of these effects, which is executed now, does with channels.
func (f *feed) channels(effects sql.Effects) {
	if effects&(sql.Listens|sql.Unlistens|sql.DiscardsAll|sql.Notifies) == 0 || f.e.Listeners == nil {
		return
	}
	c, s := f.c, f.s
	if !f.shares() {
		return
	}
	if effects.Has(sql.Listens|sql.Unlistens) || effects.Has(sql.DiscardsAll) && c.Listens {
		s.Channels.Changed = true
	}
	if effects.Has(sql.Notifies) && c.Listens {
		s.Channels.Notified = true
	}
}

// holds reports whether the end of the transaction is to be held.
func (ch *Channels) holds() bool { return ch.Changed || ch.Notified }

// rolledBack notes that what has been done in the transaction so far, or a part of it, is undone.
func (ch *Channels) rolledBack() {
	if ch.inside {
		ch.Worn, ch.inside = false, false
	}
}

// notWorn notes that a query of ours has failed. In a transaction that had failed before, it was none that was to put channels there
// ahead of that.
func (ch *Channels) notWorn(amidFailed bool) {
	ch.Unsure = ch.Unsure || ch.Worn && !ch.inside && !amidFailed
	ch.rolledBack()
}

// over takes a ReadyForQuery that the client is to see, of which before is what comes before it and is not sent yet.
func (s *Server) over(e *Env, c *Client, status byte, before []byte) (show int) {
	if status != pgwire.StatusIdle || c == nil {
		return 0
	}
	heeds := s.Channels.holds() || c.Listens
	if heeds && !s.unsure && s.owed.len() == 0 && !s.open { // else it ends a batch before the one that is about channels
		s.Channels.Held = true
		return hidden
	}
	if c.Pending {
		s.toClientNow(e, c, before)
		e.Listeners.Deliver(c)
		return sentBefore
	}
	return 0
}

// notified takes a NotificationResponse. It belongs to no reply.
func (s *Server) notified(e *Env, c *Client, m, before []byte) (show int) {
	if s.OnNotification != nil {
		s.OnNotification(m)
		return hidden
	}
	if e.Listeners == nil {
		return 0
	}
	if c == nil || !s.Channels.Changed && s.Pins&(PinSession|PinListen) == 0 {
		return hidden
	}
	told := e.Listeners.Notification(s, c, m)
	if told == nil {
		return hidden
	}
	s.toClientNow(e, c, before)
	s.toClientNow(e, c, told)
	return hidden | sentBefore
}

// keeping is effects without those that leave nothing with the server, because others listen.
func (f *feed) keeping(effects sql.Effects) sql.Effects {
	if effects.Has(sql.Listens) && f.shares() {
		return effects &^ sql.Listens
	}
	return effects
}

// effectsNamed is what executing the client's statement of that name does.
func (f *feed) effectsNamed(name []byte) sql.Effects {
	if len(name) == 0 {
		return f.e.effectsOf(f.c.unnamed)
	}
	id, ok := f.e.Names.Get(f.c.Slot, name)
	if !ok {
		return f.s.native
	}
	return f.e.effectsOf(id)
}

// aboutChannels is the effects that have to do with channels.
const aboutChannels = sql.Listens | sql.Unlistens | sql.ListsChannels | sql.Notifies
