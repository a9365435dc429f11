package session

import "github.com/pgmux/caddy-pgmux/internal/sql"

// Pins is why a server stays with its client beyond the transaction: state that the client has left in the session
// and that cannot follow it to another server. A pinned server is cleaned with the reset query before anybody else
// gets it.
type Pins uint32

// The reasons.
const (
	PinSettings Pins = 1 << iota // settings that track_parameters leaves out, or that are too many to be tracked
	PinListen                    // LISTEN
	PinTemp                      // temporary tables
	PinLock                      // session-level advisory locks
	PinCursor                    // DECLARE … WITH HOLD
	PinPrepare                   // statements that the server knows by the client's own names; see native.go
	PinLoad                      // LOAD
	PinLarge                     // a statement too large to be remembered
	PinUnknown                   // a text that could not be read for certain
	PinSession                   // pool_mode session
	PinSeed                      // setseed
	PinStraight                  // a replication connection, which has the server for its own
)

// Lasting is what no reset query undoes: a server with any of it is closed when its client leaves.
const Lasting = PinSeed | PinLoad

// reasons is the label of each bit, in their order.
var reasons = [...]string{
	"settings", "listen", "temporary_table", "advisory_lock", "cursor_with_hold", "sql_prepare", "load",
	"large_statement", "unknown", "session_mode", "seed", "replication",
}

// Each calls f with the name of every reason.
func (p Pins) Each(f func(reason string)) {
	for i, name := range reasons {
		if p&(1<<i) != 0 {
			f(name)
		}
	}
}

// askable is the kinds of state of which Postgres can be asked whether they are there.
const askable = PinListen | PinTemp | PinLock | PinCursor

// Askable reports whether a server that is pinned by nothing else can be asked whether it still is.
func (p Pins) Askable() bool { return p&^(askable|PinSettings) == 0 }

// Has reports whether any of the reasons in mask is there.
func (p Pins) Has(mask Pins) bool { return p&mask != 0 }

// Pinning says what becomes of state that cannot follow its client to another server.
type Pinning uint8

const (
	// PinningOn: the server stays with the client.
	PinningOn Pinning = iota
	// PinningOff: the state is lost with the end of the transaction.
	PinningOff
	// PinningError: the statement is refused with 0A000.
	PinningError
)

// pinning is every effect that pins.
const pinning = sql.Listens | sql.Temp | sql.AdvisoryLock | sql.HoldCursor | sql.Loads | sql.Seeds | unnamed

// unnamed is the effects of texts of which nobody can ask what they have left: what could not be read, and settings whose names no
// text shows, which may have a dot; Postgres lists those nowhere.
const unnamed = sql.Unknown | sql.SetsUnknown

// pinsOf translates what a text does into reasons.
func pinsOf(f sql.Effects) (p Pins) {
	if f&pinning == 0 {
		return 0
	}
	for _, m := range [...]struct {
		effect sql.Effects
		pin    Pins
	}{
		{sql.Seeds, PinSeed},
		{sql.Listens, PinListen},
		{sql.Temp, PinTemp},
		{sql.AdvisoryLock, PinLock},
		{sql.HoldCursor, PinCursor},
		{sql.Loads, PinLoad},
		{unnamed, PinUnknown},
	} {
		if f.Has(m.effect) {
			p |= m.pin
		}
	}
	return p
}

// EndSession is for a server whose client has had it in pool_mode session, and is to give it back as in another mode: anything may have become
// of its session.
func (s *Server) EndSession() {
	s.Pins &^= PinSession
	s.unread()
}

// Misread notes that Postgres may have read what it was sent otherwise than it was read here: anything may have become of the
// session. Where a text has named the setting that changes how texts are read, that is known, see touchSettings, unless another text was sent
// behind it.
func (s *Server) Misread(setting string) {
	if s.behind || !s.Touched.has(setting) {
		s.unread()
	}
}

// unread has Postgres asked about all of the session.
func (s *Server) unread() {
	s.Touched.Unknown, s.Touched.once = true, false
	s.Touched.State |= askable | PinPrepare
	s.Sequences.Drew = true
}
