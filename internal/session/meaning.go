package session

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// The same text is another statement where a setting makes Postgres read it differently: another search_path, another
// order of day and month in its constants, another role. Client.Meaning is the key of those of its settings that can; while
// a server's settings are in flux, because its client has changed some that Postgres has not been asked about yet, a key
// of their own stands for them, and what is prepared meanwhile is nobody else's.

// harmless is settings that do not change what a text means, and are often changed.
var harmless = map[string]bool{
	"application_name": true, "client_min_messages": true, "statement_timeout": true, "lock_timeout": true,
	"idle_in_transaction_session_timeout": true, "idle_session_timeout": true, "transaction_timeout": true, "work_mem": true,
	"maintenance_work_mem": true, "extra_float_digits": true, "bytea_output": true, "synchronous_commit": true,
	"default_transaction_isolation": true, "default_transaction_read_only": true, "default_transaction_deferrable": true,
	"jit": true, "plan_cache_mode": true, "random_page_cost": true, "effective_cache_size": true, "log_statement": true,
	"log_min_duration_statement": true, "force_parallel_mode": true, "debug_parallel_query": true, "max_parallel_workers_per_gather": true,
	"tcp_keepalives_idle": true, "tcp_keepalives_interval": true, "tcp_keepalives_count": true, "tcp_user_timeout": true,
}

// Harmless reports whether a setting, its name in lower case, leaves the meaning of texts as it is: those that only limit or
// tune, and those that applications and extensions define, whose names have a dot.
func Harmless(name []byte) bool {
	return harmless[string(name)] || bytes.HasPrefix(name, []byte("enable_")) || bytes.IndexByte(name, '.') >= 0
}

// flux notes that a setting of the server's session has changed, or may have.
func (s *Server) flux(e *Env, name []byte) {
	if len(name) > 0 && Harmless(name) {
		return
	}
	e.fluxes++
	s.influx = e.fluxBase + 2*e.fluxes
}

// meaning is the key of what statements mean now.
func (f *feed) meaning() uint64 {
	if f.s != nil && f.s.influx != 0 {
		return f.s.influx
	}
	return f.c.meaning()
}

// meaning is that between its transactions: what its texts mean depends on where their strings end, too, of which Postgres may tell it though
// it has set nothing.
func (c *Client) meaning() uint64 {
	m := c.Meaning
	if c.BackslashQuotes {
		m ^= 0x5c27 << 48
	}
	if c.Unreadable {
		m ^= 0xfffe << 32
	}
	return m
}

// fitting is the statement that a client's name stands for, with the meaning that its text has now: it was prepared
// when the client's settings were others, perhaps. Postgres, too, reads a text again when its search_path has changed.
func (f *feed) fitting(name []byte, id prepared.StmtID) prepared.StmtID {
	e, m := f.e, f.meaning()
	if e.Statements.Settings(id) == m || f.s.Pins&PinSession != 0 {
		return id
	}
	renewed := f.interned(id, m)
	if renewed == prepared.None {
		return id
	}
	replaced, ok := e.Names.Set(f.c.Slot, &f.c.names, name, renewed)
	if !ok {
		e.release(renewed)
		return id
	}
	e.release(replaced)
	return renewed
}

// sameText reports whether two statements differ in their meaning at most.
func (e *Env) sameText(a, b prepared.StmtID) bool {
	return a != prepared.None && b != prepared.None && bytes.Equal(e.Statements.Text(a), e.Statements.Text(b)) && bytes.Equal(e.Statements.Types(a), e.Statements.Types(b))
}

// fitUnnamed is fitting for the client's unnamed statement.
func (f *feed) fitUnnamed() {
	m := f.meaning()
	if f.e.Statements.Settings(f.c.unnamed) == m || f.s.Pins&PinSession != 0 {
		return
	}
	if renewed := f.interned(f.c.unnamed, m); renewed != prepared.None {
		told := f.c.unnamedTold
		f.c.setUnnamed(f.e, renewed)
		f.c.unnamedTold = told
	}
}

// effectsNow is what a statement does if a server reads it with a meaning that may be another than its own: its strings may end elsewhere
// now. The text that was scanned last stays as it is.
func (f *feed) effectsNow(id prepared.StmtID, meaning uint64) sql.Effects {
	e := f.e
	if id == prepared.None || e.Statements.Settings(id) == meaning {
		return e.effectsOf(id)
	}
	text := e.Statements.Text(id)
	if !f.c.Unreadable && bytes.IndexByte(text, '\\') < 0 {
		return e.effectsOf(id)
	}
	st := &e.part
	st.Truncated, st.BackslashQuotes = f.c.Unreadable, f.c.BackslashQuotes
	sql.Scan(text, st)
	if e.Statements.FromSQL(id) {
		return effectsPrepared(st.Effects)
	}
	return executedBy(st, st.Effects, text)
}

// interned is the statement of the same text with another meaning, retained; None at a bound.
func (f *feed) interned(id prepared.StmtID, meaning uint64) prepared.StmtID {
	e := f.e
	renewed := e.Statements.Intern(meaning, e.Statements.Types(id), e.Statements.Text(id))
	if renewed != prepared.None {
		e.setEffects(renewed, f.effectsNow(id, meaning))
		if shape := e.trusted(id); shape != 0 && f.s.influx != 0 {
			e.learn(renewed, shape, e.Schema.shapes()) // or every transaction that sets something would ask
		}
	}
	return renewed
}
