package engine

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

var update = flag.Bool("update", false, "rewrite the transcripts with what happens now")

// rig is a world around an engine without sockets, threads and clocks: a driver for each shard that moves bytes between
// it and sockets, a Host whose dials reach scripted servers, and a time that passes when it is told to. What everybody
// receives, and what the Host is asked for, is written down.
type rig struct {
	testing.TB
	e       *Engine
	loops   []*rigLoop
	now     int64
	sockets []*rigSocket
	servers []*rigServer
	log     []string
	// holdDials keeps dials, holdCancels cancels, unanswered, until they are let go.
	holdDials, holdCancels bool
	dials                  []DialRequest
	cancels                []CancelRequest
	refuse                 *Refusal
	refuseSome             func(DialRequest) *Refusal
	random                 func() uint64
	params                 []Setting
	quiet                  bool
	most                   int      // servers there were at once
	soon                   []string // upstreams that are to be probed
	followed               []string // databases whose changes are to be followed
	joins                  []string // databases whose fleets are to be joined
	notices                []Notice
	spans                  []Span
	crashes                bool       // bugs may be met
	layer                  loop.Layer // of servers
	wordy                  bool       // errors are written down with all they say
	// suspects is what the catalog says: rows of a sort, a name and kinds of state.
	suspects [][]string
	// deniesCatalog: it says so with an error; mutesCatalog: it says nothing.
	deniesCatalog, mutesCatalog bool
	watch                       *watch
	// facts is what the grammar says; nil: it says nothing.
	facts func(text string) *sql.Facts
	// holdFacts keeps questions about texts, unanswered, in questions.
	holdFacts bool
	questions []ClassifyRequest
	// answers answers messages in a server's place, and reports whether it has.
	answers func(s *rigServer, typ byte, body string) bool
	// byUpstream: servers are called by their upstreams.
	byUpstream bool
	// mutesAt: a server says nothing from where it is asked a text that begins so.
	mutesAt string
	// reports: servers report the settings in params that change.
	reports bool
	// doors is the sockets that clients connect to.
	doors rigDoors
	// undeclared is the pools that were declared and then were not, at some time.
	undeclared map[string]bool
}

// rigLoop is the driver of one shard.
type rigLoop struct {
	r     *rig
	shard *Shard
	woken bool
	conns map[loop.ID]*rigSocket
}

func (l *rigLoop) Wait(int64) ([]loop.Event, int64) { panic("the rig waits itself") }
func (l *rigLoop) Submit([]loop.Op)                 { panic("the rig submits itself") }
func (l *rigLoop) Wake()                            { l.woken = true }
func (l *rigLoop) Now() int64                       { return l.r.now }
func (l *rigLoop) Capacity() int                    { return 4096 }
func (l *rigLoop) Close() error                     { return nil }

// rigSocket is one socket, seen from the engine.
type rigSocket struct {
	fd                   int
	name                 string
	in                   []byte // to be received by the engine
	sent                 []byte // by the engine, not looked at yet
	received             []byte // by a client, so far
	server               *rigServer
	loop                 *rigLoop
	id                   loop.ID
	ended, told          bool
	broken               bool // the engine is told, once
	vanished             bool // sending breaks it
	paused, detach, gone bool
	layer                loop.Layer
}

// rigServer is a scripted Postgres.
type rigServer struct {
	socket  *rigSocket
	number  int
	in      []byte
	status  byte
	hanging bool // until it is cancelled
	copying bool
	mute    bool
	slow    bool // it does not end when it is told to
	deaf    bool // it does not hear cancels
	dialed  DialRequest
	queries []string
	session rigSession
	rig     *rig
	texts   map[string]string // of prepared statements
	bound   string
	// channels is what it knows of LISTEN and NOTIFY.
	channels rigChannels
}

func newRig(t testing.TB, shards int, pools ...PoolConfig) *rig {
	t.Helper()
	r := &rig{TB: t, now: int64(time.Hour), params: []Setting{{"server_version", "15"}}}
	r.watch = newWatch(t)
	r.e = New(shards, (*rigHost)(r))
	for i := range shards {
		l := &rigLoop{r: r, shard: r.e.Shard(i), conns: map[loop.ID]*rigSocket{}}
		r.loops = append(r.loops, l)
		l.shard.Bind(l)
	}
	r.apply(pools...)
	t.Cleanup(r.formsAddUp)
	return r
}

func (r *rig) apply(pools ...PoolConfig) {
	r.undeclare(pools)
	r.e.Apply(&Config{DrainTimeout: 10 * time.Second, Pools: pools})
	r.settle()
}

// onePool is a pool of so many servers.
func onePool(size int) PoolConfig {
	return PoolConfig{Name: "app", Upstreams: []Upstream{{Address: "pg:5432"}}, PoolSize: size, ServerResetQuery: "DISCARD ALL",
		ServerLoginRetry: time.Second, MaxPreparedStatements: 100}
}

func (r *rig) say(format string, args ...any) {
	if !r.quiet {
		line := fmt.Sprintf(format, args...)
		if r.e != nil {
			line = strings.ReplaceAll(line, r.e.markerChannel, "markers")
		}
		r.log = append(r.log, line)
	}
}

// rigHost is the rig as the engine's Host.
type rigHost rig

func (h *rigHost) Dial(q DialRequest) {
	r := (*rig)(h)
	r.say("dial")
	r.dials = append(r.dials, q)
}

func (h *rigHost) Cancel(q CancelRequest) {
	r := (*rig)(h)
	r.say("cancel %d", q.PID)
	r.cancels = append(r.cancels, q)
}

func (h *rigHost) Log(n Notice) { (*rig)(h).notices = append((*rig)(h).notices, n) }

func (h *rigHost) CloseFD(fd int) {
	(*rig)(h).say("fd of %s closed", (*rig)(h).sockets[fd].name)
	(*rig)(h).sockets[fd].gone = true
}

func (h *rigHost) Random() uint64 {
	if h.random != nil {
		return h.random()
	}
	return 7
}

func (r *rig) socket(name string) *rigSocket {
	s := &rigSocket{fd: len(r.sockets), name: name}
	r.sockets = append(r.sockets, s)
	return s
}

// client attaches a client.
func (r *rig) client(name string, startup ...Setting) *rigSocket {
	r.Helper()
	s := r.newClient(name, "app", startup...)
	r.settle()
	return s
}

func (r *rig) newClient(name, pool string, startup ...Setting) *rigSocket {
	r.Helper()
	return r.newClientOf(name, poolKey{pool, "db", "u"}, startup...)
}

// newClientOf attaches a client of a database and user, and lets nothing happen yet.
func (r *rig) newClientOf(name string, k poolKey, startup ...Setting) *rigSocket {
	r.Helper()
	return r.newClientAs(name, Client{Pool: k.pool, Database: k.database, User: k.user, Startup: startup, Address: "client:1"})
}

// newClientAs attaches such a client, and lets nothing happen yet.
func (r *rig) newClientAs(name string, c Client) *rigSocket {
	r.Helper()
	refused := func(refusal *Refusal) *rigSocket {
		if r.wordy {
			r.say("%s refused: %s", name, r.errorText(refusal.message("FATAL")))
		} else {
			r.say("%s refused: %s", name, refusal.SQLState)
		}
		return nil
	}
	if refusal := r.e.Admit(c.Pool, c.Address); refusal != nil {
		return refused(refusal)
	}
	s := r.socket(name)
	c.FD = s.fd
	if refusal := r.e.Attach(c); refusal != nil {
		r.e.Leave(c.Pool, c.Address)
		s.gone = true
		return refused(refusal)
	}
	return s
}

// clientAs attaches such a client of pool app, database db and user u, where nothing else is said.
func (r *rig) clientAs(name string, c Client) *rigSocket {
	r.Helper()
	for _, field := range []struct {
		value *string
		usual string
	}{{&c.Pool, "app"}, {&c.Database, "db"}, {&c.User, "u"}, {&c.Address, "client:1"}} {
		if *field.value == "" {
			*field.value = field.usual
		}
	}
	s := r.newClientAs(name, c)
	r.settle()
	return s
}

// errorText is all that an error says.
func (r *rig) errorText(m []byte) string {
	var out []string
	for _, field := range "SCMDH" {
		if v := pgwire.ErrorField(m, byte(field)); len(v) > 0 {
			out = append(out, string(v))
		}
	}
	return strings.Join(out, " | ")
}

// answerDials lets the upstream answer.
func (r *rig) answerDials() bool {
	dials := r.dials
	r.dials = nil
	for _, q := range dials {
		refuse := r.refuse
		if refuse == nil && r.refuseSome != nil {
			refuse = r.refuseSome(q)
		}
		if refuse != nil {
			r.e.Dialed(q.Ticket, DialResult{Refused: refuse})
			continue
		}
		srv := &rigServer{number: len(r.servers) + 1, status: 'I', dialed: q, rig: r, texts: map[string]string{}}
		srv.socket = r.socket(fmt.Sprintf("s%d", srv.number))
		if r.byUpstream {
			srv.socket.name = fmt.Sprintf("%s:%d", strings.TrimSuffix(q.Upstream, ":5432"), srv.number)
		}
		srv.socket.server = srv
		r.servers = append(r.servers, srv)
		r.e.Dialed(q.Ticket, DialResult{FD: srv.socket.fd, Layer: r.layer, PID: uint32(srv.number), Secret: []byte{1, 2, 3, 4}, Params: r.params})
	}
	return len(dials) > 0
}

// answerCancels delivers cancels: the query that hangs fails.
func (r *rig) answerCancels() bool {
	cancels := r.cancels
	r.cancels = nil
	for _, q := range cancels {
		srv := r.servers[q.PID-1]
		if srv.hanging && !srv.deaf {
			srv.hanging = false
			srv.fail("57014", "canceling statement due to user request")
			srv.serve()
		}
		r.e.Cancelled(q.Ticket)
	}
	return len(cancels) > 0
}

// settle runs turns until nothing happens any more.
func (r *rig) settle() {
	r.Helper()
	for range 10_000 {
		busy := false
		for _, l := range r.loops {
			busy = l.turn() || busy
		}
		if !r.holdDials {
			busy = r.answerDials() || busy
		}
		if !r.holdCancels {
			busy = r.answerCancels() || busy
		}
		open := 0
		for _, srv := range r.servers {
			if srv.serve() {
				busy = true
			}
			if !srv.socket.gone {
				open++
			}
		}
		r.most = max(r.most, open+len(r.dials))
		if !busy {
			return
		}
	}
	r.Fatal("the engine does not come to rest")
}

// turn is one pass of a loop; it reports whether anything happened.
func (l *rigLoop) turn() bool {
	if l.shard.Stopped() {
		return false
	}
	var events []loop.Event
	if l.woken {
		l.woken = false
		events = append(events, loop.Event{Kind: loop.Woken})
	}
	for _, s := range l.r.sockets {
		if s.loop != l || s.gone {
			continue
		}
		switch {
		case s.detach:
			events = append(events, loop.Event{Kind: loop.Detached, Conn: s.id, FD: int32(s.fd)})
			delete(l.conns, s.id)
			s.detach, s.loop = false, nil
		case len(s.in) > 0 && !s.paused:
			events = append(events, loop.Event{Kind: loop.Received, Conn: s.id, Data: slices.Clone(s.in)})
			s.in = nil
		case s.broken:
			s.broken, s.told = false, true
			events = append(events, loop.Event{Kind: loop.Failed, Conn: s.id})
		case s.ended && !s.told:
			s.told = true
			events = append(events, loop.Event{Kind: loop.Ended, Conn: s.id})
		}
	}
	events = append(events, l.doorEvents()...)
	due := l.shard.Deadline() <= l.r.now
	if len(events) == 0 && !due {
		return false
	}
	if l.r.crashes {
		defer func() {
			if bug := recover(); bug != nil {
				l.crash()
			}
		}()
	}
	l.shard.Tick(l.r.now)
	l.r.watch.look(l)
	for i := range events {
		l.r.watch.step(l, &events[i])
	}
	for _, op := range l.shard.Ops() {
		l.perform(op)
	}
	for _, ev := range events {
		for i := range ev.Data {
			ev.Data[i] = 0xEE
		}
	}
	for _, s := range l.r.sockets {
		s.look()
	}
	return true
}

// crash is what becomes of a loop whose shard met a bug.
func (l *rigLoop) crash() {
	l.r.say("a loop crashes")
	for _, s := range l.r.sockets {
		if s.loop == l && !s.gone {
			l.r.say("%s closed", s.name)
			s.gone, s.loop = true, nil
		}
	}
	l.conns = map[loop.ID]*rigSocket{}
	l.r.doors.shut(l)
	l.r.watch.forget(l)
	l.shard.Crash("bug", nil)
	l.shard.Bind(l)
}

func (l *rigLoop) perform(op loop.Op) {
	if op.Kind == loop.Attach {
		s := l.r.sockets[op.FD]
		s.loop, s.id, s.paused, s.layer = l, op.Conn, false, op.Layer
		l.conns[op.Conn] = s
		return
	}
	s := l.conns[op.Conn]
	if s == nil {
		l.performDoor(op)
		return
	}
	switch op.Kind {
	case loop.Send:
		s.sent = append(s.sent, op.Data...)
		s.broken = s.vanished
	case loop.Pause:
		s.paused = true
	case loop.Resume:
		s.paused = false
	case loop.Finish, loop.Close:
		s.look()
		if !s.gone {
			l.r.say("%s closed", s.name)
		}
		s.gone = true
		delete(l.conns, op.Conn)
	case loop.Detach:
		s.detach = true
	}
}

// look takes what the engine sent.
func (s *rigSocket) look() {
	if len(s.sent) == 0 {
		return
	}
	b := s.sent
	s.sent = nil
	r := s.loopRig()
	if s.server != nil {
		s.server.in = append(s.server.in, b...)
		if r != nil {
			r.say("→ %s  %s", s.name, messages(b, false))
		}
		return
	}
	s.received = append(s.received, b...)
	if r != nil {
		r.say("→ %s  %s", s.name, messages(b, true))
		r.sayErrors(b)
	}
}

// sayErrors writes down what errors say.
func (r *rig) sayErrors(b []byte) {
	for r.wordy && len(b) >= pgwire.HeaderLen && pgwire.FrameLen(b) <= len(b) {
		m := b[:pgwire.FrameLen(b)]
		b = b[len(m):]
		if m[0] == pgwire.ErrorResponse {
			r.say("      %s", r.errorText(m))
		}
	}
}

func (s *rigSocket) loopRig() *rig {
	if s.loop == nil {
		return nil
	}
	return s.loop.r
}

// pass lets time pass.
func (r *rig) pass(d time.Duration) {
	r.Helper()
	r.say("… %v", d)
	for end := r.now + int64(d); r.now < end; {
		next := end
		for _, l := range r.loops {
			if !l.shard.Stopped() {
				next = min(next, max(l.shard.Deadline(), r.now+1))
			}
		}
		r.now = next
		r.settle()
	}
}

// says lets a client say some messages; a text without a colon is a Query.
func (r *rig) says(s *rigSocket, messages ...string) {
	r.Helper()
	for _, m := range messages {
		s.in = append(s.in, clientSays(m)...)
	}
	r.settle()
}

// leaves breaks a client's connection.
func (r *rig) leaves(s *rigSocket) {
	r.Helper()
	s.broken = true
	r.settle()
}

// endsHalf ends what a client sends; it still listens.
func (r *rig) endsHalf(s *rigSocket) {
	r.Helper()
	s.ended = true
	r.settle()
}

// vanishes is the end of a client whose kernel does not tell before it is sent something.
func (r *rig) vanishes(s *rigSocket) {
	r.Helper()
	s.vanished = true
	r.endsHalf(s)
}

// note writes a line of explanation into the transcript.
func (r *rig) note(format string, args ...any) {
	r.log = append(r.log, "", "# "+fmt.Sprintf(format, args...))
}

// compare compares what has happened with the test's transcript in testdata.
func (r *rig) compare() {
	r.Helper()
	r.watch.shownIn(strings.TrimPrefix(r.Name(), "Test"))
	file := filepath.Join("testdata", strings.TrimPrefix(r.Name(), "Test")+".txt")
	got := strings.TrimSpace(strings.Join(r.log, "\n")) + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			r.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		r.Fatal(err)
	}
	if got != string(want) {
		r.Fatalf("%s says\n%s\nand what happened is\n%s", file, want, got)
	}
}

// within checks rule 8: so many servers, dials included, and never more.
func (r *rig) within(limit int) {
	r.Helper()
	if r.most > limit {
		r.Fatalf("there were %d servers at once, and may be %d", r.most, limit)
	}
}

func frame(typ byte, parts ...string) []byte {
	b := []byte{typ, 0, 0, 0, 0}
	for _, p := range parts {
		b = append(b, p...)
	}
	binary.BigEndian.PutUint32(b[1:], uint32(len(b)-1))
	return b
}

// clientSays builds a message: "Parse: name text", also of the name unnamed, "Bind: name", "Execute:", "Sync:", "CopyData: …", or a Query.
func clientSays(m string) []byte {
	kind, rest, ok := strings.Cut(m, ":")
	if !ok {
		return frame(pgwire.Query, m, "\x00")
	}
	rest = strings.TrimSpace(rest)
	switch kind {
	case "Query":
		return frame(pgwire.Query, rest, "\x00")
	case "Parse":
		name, text, _ := strings.Cut(rest, " ")
		name = strings.TrimPrefix(name, "unnamed")
		return frame(pgwire.Parse, name, "\x00", text, "\x00\x00\x00")
	case "Bind":
		return frame(pgwire.Bind, "\x00", rest, "\x00\x00\x00\x00\x00\x00\x00")
	case "Execute":
		return frame(pgwire.Execute, "\x00\x00\x00\x00\x00")
	case "Sync":
		return frame(pgwire.Sync)
	case "CopyData":
		return frame(pgwire.CopyData, rest)
	case "CopyDone":
		return frame(pgwire.CopyDone)
	case "Terminate":
		return frame(pgwire.Terminate)
	case "Raw":
		return []byte(rest)
	}
	panic("no client says " + m)
}

// messages writes messages down, in short.
func messages(b []byte, fromServer bool) string {
	var out []string
	for len(b) >= pgwire.HeaderLen && pgwire.FrameLen(b) <= len(b) {
		m := b[:pgwire.FrameLen(b)]
		b = b[len(m):]
		body := strings.TrimRight(string(m[pgwire.HeaderLen:]), "\x00")
		switch {
		case fromServer && m[0] == pgwire.ErrorResponse:
			out = append(out, fmt.Sprintf("%s %s", pgwire.ErrorField(m, 'S'), pgwire.ErrorField(m, 'C')))
		case fromServer && m[0] == pgwire.ParameterStatus:
			out = append(out, strings.ReplaceAll(body, "\x00", "="))
		case fromServer && m[0] == pgwire.BackendKeyData:
			out = append(out, "key")
		case fromServer && m[0] == pgwire.ReadyForQuery:
			out = append(out, "ready "+body)
		case m[0] == pgwire.Query && body == suspectsQuestion:
			out = append(out, "who leaves state?")
		case m[0] == pgwire.Query && body == lineageQuestion:
			out = append(out, "what depends on what?")
		case m[0] == pgwire.Query && !fromServer || m[0] == pgwire.CommandComplete && fromServer:
			out = append(out, body)
		case fromServer && m[0] == pgwire.NotificationResponse:
			pid, channel, _ := pgwire.Notification(m)
			out = append(out, fmt.Sprintf("%s %q of %d", channel, body[len(channel)+4:], pid))
		case fromServer && m[0] == pgwire.NoticeResponse:
			out = append(out, fmt.Sprintf("%s %s", pgwire.ErrorField(m, 'S'), pgwire.ErrorField(m, 'C')))
		case m[0] == pgwire.Terminate && !fromServer:
			out = append(out, "Terminate")
		default:
			out = append(out, string(m[0]))
		}
	}
	if len(b) > 0 {
		out = append(out, fmt.Sprintf("%d bytes", len(b)))
	}
	return strings.Join(out, ", ")
}

// serve answers what has come, as a Postgres would; it reports whether anything was done.
func (s *rigServer) serve() (busy bool) {
	for !s.hanging && !s.mute && len(s.in) >= pgwire.HeaderLen && pgwire.FrameLen(s.in) <= len(s.in) {
		m := s.in[:pgwire.FrameLen(s.in)]
		if at := s.rig.mutesAt; at != "" && strings.HasPrefix(string(m[pgwire.HeaderLen:]), at) {
			s.mute = true
			break
		}
		s.in = s.in[len(m):]
		s.message(m[0], strings.TrimRight(string(m[pgwire.HeaderLen:]), "\x00"))
		busy = true
	}
	return busy
}

func (s *rigServer) answer(parts ...[]byte) {
	if s.socket.gone || s.socket.ended {
		return
	}
	for _, p := range parts {
		s.socket.in = append(s.socket.in, p...)
	}
}

func (s *rigServer) ready() []byte { return frame(pgwire.ReadyForQuery, string(s.status)) }

func (s *rigServer) fail(code, message string) {
	if s.status == 'T' {
		s.status = 'E'
	}
	s.answer(pgwire.AppendError(nil, "ERROR", code, message, "", ""), s.ready())
}

func (s *rigServer) message(typ byte, body string) {
	if s.rig.answers != nil && s.rig.answers(s, typ, body) {
		return
	}
	if s.copying {
		if typ == pgwire.CopyDone {
			s.copying = false
			s.answer(frame(pgwire.CommandComplete, "COPY 1\x00"), s.ready())
		}
		if typ == pgwire.CopyFail {
			s.copying = false
			s.fail("57014", "COPY from stdin failed: "+strings.TrimSuffix(body, "\x00"))
		}
		return
	}
	switch typ {
	case pgwire.Query:
		s.queries = append(s.queries, body)
		s.query(body)
	case pgwire.Parse:
		name, rest, _ := strings.Cut(body, "\x00")
		s.texts[name], _, _ = strings.Cut(rest, "\x00")
		s.answer(frame(pgwire.ParseComplete))
	case pgwire.Bind:
		s.bound = s.texts[strings.Split(body+"\x00\x00", "\x00")[1]]
		s.answer(frame(pgwire.BindComplete))
	case pgwire.Execute:
		if strings.HasPrefix(strings.ToLower(s.bound), "begin") {
			s.status = 'T'
			s.answer(frame(pgwire.CommandComplete, "BEGIN\x00"))
			return
		}
		s.session.change(s.bound)
		s.answer(frame(pgwire.CommandComplete, "SELECT 1\x00"))
	case pgwire.Close:
		s.answer(frame(pgwire.CloseComplete))
	case pgwire.Describe: // of what nobody has: only so does the engine itself ask
		s.answer(pgwire.AppendError(nil, "ERROR", "26000", "no such statement", "", ""))
	case pgwire.Sync:
		s.answer(s.ready())
	case pgwire.Terminate:
		s.socket.ended = !s.slow
	}
}

func (s *rigServer) query(text string) {
	s.session.listening = len(s.channels.listening) > 0
	if s.listens(text) {
		return
	}
	if rows := s.session.answer(text); rows != nil {
		s.answer(rows...)
		s.answer(frame(pgwire.CommandComplete, "SELECT 1\x00"), s.ready())
		return
	}
	if text == suspectsQuestion && s.rig.mutesCatalog {
		return
	}
	if text == suspectsQuestion && s.rig.deniesCatalog {
		s.fail("42501", "permission denied for table pg_proc")
		return
	}
	if text == suspectsQuestion {
		for _, row := range s.rig.suspects {
			s.answer(dataRow(row...))
		}
		s.answer(frame(pgwire.CommandComplete, "SELECT 1\x00"), s.ready())
		return
	}
	if strings.Contains(text, "nonsense") {
		s.fail("22023", "invalid value for parameter")
		return
	}
	tag, changes := s.session.change(text)
	switch {
	case text == "begin", strings.HasPrefix(text, "begin "):
		s.status = 'T'
		s.answer(frame(pgwire.CommandComplete, "BEGIN\x00"))
	case text == "commit", strings.EqualFold(text, "rollback"):
		if text != "commit" || s.status == 'E' {
			s.channels.actions = nil
		}
		s.status = 'I'
		s.answer(frame(pgwire.CommandComplete, strings.ToUpper(text)+"\x00"))
	case text == "hang":
		s.hanging = true
		return
	case text == "copy":
		s.copying = true
		s.answer(frame(pgwire.CopyInResponse, "\x00\x00\x00"))
		return
	case text == "row":
		s.answer(frame(pgwire.RowDescription, "\x00\x00"), frame(pgwire.DataRow, "\x00\x00"), frame(pgwire.CommandComplete, "SELECT 1\x00"))
	case changes:
		s.answer(frame(pgwire.CommandComplete, tag+"\x00"))
		if s.rig.reports {
			s.answer(s.session.reports(s.rig.params))
		}
	default:
		s.answer(frame(pgwire.CommandComplete, "SELECT 1\x00"))
	}
	s.finish()
}

// pid is the process ID that the engine gave it.
func (s *rigSocket) pid() uint32 { return s.loop.shard.pid(s.loop.shard.client(s.id.Slot())) }

func (h *rigHost) Classify(q ClassifyRequest) {
	if h.holdFacts {
		h.questions = append(h.questions, q)
		return
	}
	var f *sql.Facts
	if h.facts != nil {
		f = h.facts(string(q.Text))
	}
	h.e.Classified(q.Ticket, f)
}

func (h *rigHost) Follow(pool, database string) {
	(*rig)(h).followed = append((*rig)(h).followed, pool+"/"+database)
}

func (h *rigHost) Share(pool, database string) {
	(*rig)(h).joins = append((*rig)(h).joins, pool+"/"+database)
}

func (h *rigHost) Trace(span Span) { (*rig)(h).spans = append((*rig)(h).spans, span) }

func (h *rigHost) ProbeSoon(_, address string) { (*rig)(h).soon = append((*rig)(h).soon, address) }
