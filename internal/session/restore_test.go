package session

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// resetter is a client that began with work_mem = 6MB, its server, and what either is sent.
type resetter struct {
	t    *testing.T
	env  *Env
	c    Client
	s    Server
	sent map[uint64][]byte
}

func newResetter(t *testing.T) *resetter {
	r := &resetter{t: t, sent: map[uint64][]byte{}}
	r.env = NewEnv(r)
	r.env.Startup = r
	r.c = Client{Conn: aClient, Slot: 1, Startup: 1}
	r.s = Server{Conn: aServer, MaxPrepared: 100, Status: pgwire.StatusIdle}
	return r
}

func (r *resetter) Send(conn uint64, b []byte) { r.sent[conn] = append(r.sent[conn], b...) }

func (r *resetter) Restore(_ uint64, kind sql.ChangeKind, name []byte) []string {
	switch {
	case kind == sql.ChangeResetLocal && string(name) == "work_mem":
		return []string{"SET LOCAL m"}
	case kind == sql.ChangeReset && string(name) == "work_mem":
		return []string{"SET m"}
	case kind == sql.ChangeResetAll, kind == sql.ChangeDiscardAll:
		return []string{"SET m", "SET n"}
	}
	return nil
}

func (r *resetter) Began(_ uint64, name []byte) (value, literal string, ok bool) {
	return "6MB", "'6MB'", string(name) == "work_mem"
}

// says feeds what the client says, and returns what the server is sent, and the verdict.
func (r *resetter) says(b []byte) (string, Verdict) {
	r.t.Helper()
	_, v, _ := r.c.Feed(r.env, &r.s, b)
	return r.takes(aServer), v
}

// hears feeds what the server says, and returns what the client is told.
func (r *resetter) hears(parts ...[]byte) string {
	r.t.Helper()
	if !r.s.Feed(r.env, &r.c, bytes.Join(parts, nil)) {
		r.t.Fatal("the server is taken for one that says what it cannot say")
	}
	return r.takes(aClient)
}

func (r *resetter) takes(conn uint64) string {
	said := types(r.sent[conn])
	r.sent[conn] = nil
	return said
}

func (r *resetter) want(got, want string) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("got  %s\nwant %s", got, want)
	}
}

func complete(tag string) []byte { return serverSaid(pgwire.CommandComplete, tag+"\x00") }

func serverSaid(typ byte, body string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{typ}, uint32(4+len(body)))
	return append(b, body...)
}

func isReady(status string) []byte { return serverSaid(pgwire.ReadyForQuery, status) }

// errorAt is an error that tells a place.
func errorAt(position string) []byte {
	return serverSaid(pgwire.ErrorResponse, "SERROR\x00VERROR\x00C42703\x00Mno\x00P"+position+"\x00\x00")
}

var cancelled = serverSaid(pgwire.ErrorResponse, "SERROR\x00VERROR\x00C57014\x00Mcanceled\x00\x00")

// What makes up for a reset is not told, and shifts no place in the client's text.
func TestRestoreInQuery(t *testing.T) {
	r := newResetter(t)
	sent, _ := r.says(query("RESET work_mem; SELECT nosuch"))
	r.want(sent, "QRESET work_mem;SET m; SELECT nosuch")
	r.sent[aClient] = nil
	r.s.Feed(r.env, &r.c, bytes.Join([][]byte{complete("RESET"), complete("SET"), errorAt("30")}, nil))
	if got := string(pgwire.ErrorField(r.sent[aClient][len(complete("RESET")):], 'P')); got != "24" {
		t.Errorf("the error is at %s, and is at 24 in the client's text", got)
	}
	r.takes(aClient)
	r.want(r.hears(isReady("I")), "ZI")

	sent, _ = r.says(query("SELECT set_config('work_mem', NULL, false), nosuch"))
	r.want(sent, "QSELECT set_config('work_mem', '6MB', false), nosuch")
	r.s.Feed(r.env, &r.c, errorAt("46"))
	if got := string(pgwire.ErrorField(r.sent[aClient], 'P')); got != "45" {
		t.Errorf("the error is at %s, and is at 45 in the client's text", got)
	}
	r.takes(aClient)
	r.hears(isReady("I"))

	sent, _ = r.says(query("RESET ALL; RESET other; SELECT 1"))
	r.want(sent, "QRESET ALL;SET m;SET n; RESET other; SELECT 1")
	r.want(r.hears(complete("RESET"), complete("SET"), complete("SET"), complete("RESET"), complete("SELECT 1"), isReady("I")), "C,C,C,ZI")
}

// A cancel that meets our statement instead of the client's has cancelled the client's: Postgres has rolled it back, and the
// client is told so.
func TestRestoreCancelled(t *testing.T) {
	r := newResetter(t)
	r.says(query("RESET work_mem"))
	r.want(r.hears(complete("RESET"), cancelled, isReady("I")), "C,E,ZI")
	if !r.s.Touched.Any() || !r.s.Releasable() {
		t.Error("Postgres is not asked what the session is now")
	}
	r.s.Known()

	b := pgwire.AppendParse(nil, nil, []byte("RESET work_mem"), []byte{0, 0})
	b = pgwire.AppendExecute(pgwire.AppendPlainBind(b, nil, nil), nil)
	sent, _ := r.says(pgwire.AppendEmpty(b, pgwire.Sync))
	if !strings.Contains(sent, "SET m") {
		t.Errorf("nothing makes up for the reset: %s", sent)
	}
	one, two, three := serverSaid(pgwire.ParseComplete, ""), serverSaid(pgwire.BindComplete, ""), serverSaid(pgwire.CloseComplete, "")
	r.want(r.hears(one, two, complete("RESET"), three, one, two, cancelled, isReady("I")), "1,2,C,E,ZI")
	if !r.s.Releasable() {
		t.Error("the server owes something")
	}
}

// A SET LOCAL … TO DEFAULT that is alone is a warning where no transaction is open; a statement behind it would make one.
func TestRestoreLocal(t *testing.T) {
	r := newResetter(t)
	sent, _ := r.says(query("SET LOCAL work_mem TO DEFAULT"))
	r.want(sent, "QSET LOCAL work_mem TO DEFAULT")
	r.hears(complete("SET"), isReady("I"))

	r.says(query("BEGIN"))
	sent, v := r.says(query("SET LOCAL work_mem TO DEFAULT"))
	if v != Await {
		t.Errorf("before it is known whether a transaction is open, the verdict is %v", v)
	}
	r.want(sent, "H")
	r.hears(complete("BEGIN"), isReady("T"))
	sent, _ = r.says(query("SET LOCAL work_mem TO DEFAULT"))
	r.want(sent, "QSET LOCAL work_mem TO DEFAULT;SET LOCAL m")
	r.want(r.hears(complete("SET"), complete("SET"), isReady("T")), "C,ZT")
	if r.s.Touched.Settings() {
		t.Error("Postgres is asked about a setting that ends with the transaction")
	}
}

// A DISCARD ALL amid a pipeline has committed before what follows it fails, and so must have what makes up for it.
func TestRestoreDiscarded(t *testing.T) {
	one, two, three := serverSaid(pgwire.ParseComplete, ""), serverSaid(pgwire.BindComplete, ""), serverSaid(pgwire.CloseComplete, "")
	batch := func(text string) []byte {
		b := pgwire.AppendParse(nil, nil, []byte(text), []byte{0, 0})
		return pgwire.AppendExecute(pgwire.AppendPlainBind(b, nil, nil), nil)
	}
	begin := func() *resetter {
		r := newResetter(t)
		sent, v := r.says(append(batch("DISCARD ALL"), batch("SELECT 1/0")...))
		if v != Await {
			t.Fatalf("what follows DISCARD ALL does not wait for it: %v", v)
		}
		r.want(sent, "P DISCARD ALL,B,E,H")
		return r
	}
	r := begin()
	r.want(r.hears(one, two, complete("DISCARD ALL")), "1,2,C")
	sent, _ := r.says(pgwire.AppendEmpty(batch("SELECT 1/0"), pgwire.Sync))
	if strings.Count(sent, "S") < 3 || !strings.Contains(sent, "SET n") || strings.Index(sent, "SET n") > strings.Index(sent, "1/0") {
		t.Errorf("what makes up for DISCARD ALL has no Sync of its own: %s", sent)
	}
	ours := bytes.Join([][]byte{three, one, two, complete("SET"), three, three}, nil)
	r.want(r.hears(ours, ours, isReady("I"), one, two, cancelled, isReady("I")), "1,2,E,ZI")

	r = begin() // it fails: everything up to the Sync is skipped, and nothing of ours ends that
	r.want(r.hears(one, two, cancelled), "1,2,E")
	sent, _ = r.says(pgwire.AppendEmpty(batch("SELECT 1/0"), pgwire.Sync))
	r.want(sent, "S")

	r = begin() // ours fails: the server is closed
	r.hears(one, two, complete("DISCARD ALL"))
	r.says(batch("SELECT 1/0"))
	if r.s.Feed(r.env, &r.c, bytes.Join([][]byte{three, one, two, cancelled}, nil)) {
		t.Error("a session that is not set to what its client began with is used")
	}
}

// The value stands in the place of a NULL that a parameter brings.
func TestBindNulls(t *testing.T) {
	r := newResetter(t)
	for _, c := range []struct {
		text, params, want string // NULL is -
	}{
		{"SELECT set_config('work_mem', $1, false)", "-", "6MB"},
		{"SELECT set_config('work_mem', $1, false)", "7MB", "7MB"},
		{"SELECT set_config('other', $1, false)", "-", "-"},
		{"SELECT set_config($1, $2, $3)", "Work_Mem - f", "Work_Mem 6MB f"},
		{"SELECT set_config($2, $1, true)", "- work_mem", "6MB work_mem"},
		{"SELECT set_config($2, $1, true)", "- -", "- -"},
		{"SELECT set_config('work_mem', $9, false)", "-", "-"},
		{"SELECT set_config('work_mem', $1, false), set_config('work_mem', $2, false)", "- -", "6MB 6MB"},
		{"SELECT $1", "-", "-"},
	} {
		for _, formats := range []string{"\x00\x00", "\x00\x01\x00\x01", "\x00\x02\x00\x00\x00\x01"} {
			f := &feed{e: r.env, c: &r.c, s: &r.s}
			got, changed := f.bindNulls([]byte(c.text), parameters(formats, c.params))
			if want := parameters(formats, c.want); !bytes.Equal(got, want) || changed != (c.want != c.params) {
				t.Errorf("%s with %q: %q, %v; want %q", c.text, c.params, got, changed, want)
			}
		}
	}
	whole := parameters("\x00\x01\x00\x00", "a - b")
	for i := range whole {
		for n := range 5 {
			bindParam(whole[:i], n) // of a Bind that is cut short it tells something, and does not fail
		}
	}
}

// parameters is what follows the names in a Bind.
func parameters(formats, params string) []byte {
	values := strings.Fields(params)
	b := binary.BigEndian.AppendUint16([]byte(formats), uint16(len(values)))
	for _, v := range values {
		if v == "-" {
			b = binary.BigEndian.AppendUint32(b, 1<<32-1)
			continue
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
	}
	return append(b, 0, 0)
}
