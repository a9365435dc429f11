package session

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

var update = flag.Bool("update", false, "rewrite the transcripts with what happens now")

// TestTranscripts runs the conversations of testdata. A block of commands is followed by "----" and by what everybody
// received of it:
//
//	client a [statement|unprepared|unreadable|settings=7 …]    a client logs in
//	server 1 [max=2] [used] [asking]                           a server is there: others have used it, clients ask for numbers
//	a wants 1                                                  which server it gets when it needs one
//	a: Parse s "select 'x'"; Sync                              a client says, in one piece
//	1 answers [n]                                              a server answers all (or n) messages as Postgres would
//	1: ErrorResponse FATAL 57P01 bye                           a server says
//	1 dies / 1 moves                                           it is lost; it leaves for another shard, and comes back
//	1 overruns                                                 its query is cancelled for query_timeout
//	a fills 32768 Parse …                                      says a message so many times
//	state                                                      what is owed and pinned
//
// Every transcript is run once more for every place in which the pieces can be cut in two, and once byte by byte: what
// arrives must be the same.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runTranscript(t, file) })
	}
}

func runTranscript(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	blocks := splitTranscript(string(b))
	whole := newScript(0)
	var out strings.Builder
	for _, block := range blocks {
		out.WriteString(block.text)
		if block.commands == nil {
			continue
		}
		got, err := whole.run(block.commands)
		if err != nil {
			t.Fatalf("%s:%d: %v", file, block.line, err)
		}
		out.WriteString("----\n" + got + "\n")
		if !*update && got != block.want {
			t.Errorf("%s:%d: after\n%s\nthere should be\n%s\nand there is\n%s", file, block.line, strings.Join(block.commands, "\n"), block.want, got)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if t.Failed() || strings.Contains(string(b), " fills ") {
		return
	}
	for _, cut := range cuts(whole.longest) {
		again := newScript(cut)
		for _, block := range blocks {
			if _, err := again.run(block.commands); err != nil {
				t.Fatalf("%s:%d: pieces cut at %d: %v", file, block.line, cut, err)
			}
			if t.Failed() {
				return
			}
		}
		compareWorlds(t, whole.world, again.world, fmt.Sprintf("pieces cut at %d", cut))
	}
}

// cuts is where pieces are cut in two; -1 is byte by byte.
func cuts(longest int) []int {
	out := []int{-1}
	for i := 1; i < min(longest, 400); i++ {
		out = append(out, i)
	}
	return out
}

func compareWorlds(t *testing.T, a, b *world, how string) {
	t.Helper()
	p := &printer{names: map[string]string{}}
	for i, c := range a.clients {
		if got := b.clients[i].all; !bytes.Equal(c.all, got) {
			t.Errorf("%s: client %s received\n%s\nand not\n%s", how, c.name, p.messages(got, true), p.messages(c.all, true))
		}
	}
	for i, s := range a.servers {
		if got := b.servers[i].all; !bytes.Equal(s.all, got) {
			t.Errorf("%s: server %s received\n%s\nand not\n%s", how, s.name, p.messages(got, false), p.messages(s.all, false))
		}
	}
}

// block is commands and what comes of them; without commands it is text only.
type block struct {
	line     int
	text     string
	commands []string
	want     string
}

func splitTranscript(s string) (out []block) {
	var now block
	inWant := false
	end := func() {
		now.want = strings.TrimSuffix(now.want, "\n")
		if now.text != "" {
			out = append(out, now)
		}
		now, inWant = block{}, false
	}
	for i, line := range strings.SplitAfter(s, "\n") {
		bare := strings.TrimSpace(line)
		if now.text == "" && now.commands == nil {
			now.line = i + 1
		}
		switch {
		case bare == "----":
			inWant = true
		case inWant && bare != "":
			now.want += line
		case bare == "" && now.commands != nil:
			end()
			now.text = "\n"
			end()
		case bare == "" || strings.HasPrefix(bare, "#"):
			now.text += line
		default:
			now.text += bare + "\n"
			now.commands = append(now.commands, bare)
		}
	}
	end()
	return out
}

// script is a transcript being run.
type script struct {
	*world
	p       *printer
	cut     int
	longest int
}

func newScript(cut int) *script {
	return &script{world: newWorld(), p: &printer{names: map[string]string{}}, cut: cut}
}

// run does the commands of a block and tells what came of them.
func (s *script) run(commands []string) (string, error) {
	var told []string
	for _, command := range commands {
		word, rest, _ := strings.Cut(command, " ")
		var err error
		switch {
		case word == "state":
			told = append(told, s.state()...)
		case word == "client":
			err = s.newClient(strings.Fields(rest))
		case word == "server":
			err = s.newServer(strings.Fields(rest))
		case strings.HasSuffix(word, ":"):
			err = s.says(strings.TrimSuffix(word, ":"), rest)
		default:
			err = s.does(word, rest)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", command, err)
		}
		if err := s.check(); err != nil {
			return "", fmt.Errorf("%s: %w", command, err)
		}
	}
	return strings.Join(append(told, s.told()...), "\n"), nil
}

// told is what happened since the last time.
func (s *script) told() (out []string) {
	out = append(out, s.events...)
	s.events = nil
	for _, srv := range s.servers {
		if len(srv.received) > 0 {
			out = append(out, "→ "+srv.name+"  "+s.p.messages(srv.received, false))
			srv.received = nil
		}
	}
	for _, c := range s.clients {
		if len(c.received) > 0 {
			out = append(out, "→ "+c.name+"  "+s.p.messages(c.received, true))
			c.received = nil
		}
	}
	if len(out) == 0 {
		out = append(out, "nothing")
	}
	return out
}

func (s *script) state() (out []string) {
	for _, srv := range s.servers {
		line := fmt.Sprintf("%s %s: owes %d, status %c, %d prepared", srv.name, srv.state, srv.owed.len(), srv.Status, srv.Prepared.Len())
		if srv.Releasable() {
			line += ", releasable"
		}
		if srv.Unsure() {
			line += ", unsure"
		}
		srv.Pins.Each(func(reason string) { line += ", " + reason })
		out = append(out, line)
	}
	return append(out, fmt.Sprintf("%d statements, %d names", s.env.Statements.Len(), s.env.Names.Len()))
}

func (s *script) newClient(words []string) error {
	c := s.addClient(words[0])
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		switch name {
		case "statement":
			c.NoTransactions = true
		case "unprepared":
			c.NoPrepared = true
		case "unreadable":
			c.Unreadable = true
		case "settings":
			n, err := strconv.Atoi(value)
			if err != nil {
				return err
			}
			c.Settings, c.Meaning = uint64(n), uint64(n)
		default:
			return fmt.Errorf("no client is %q", w)
		}
	}
	return nil
}

func (s *script) newServer(words []string) error {
	srv := s.addServer(words[0])
	for _, w := range words[1:] {
		if w == "used" {
			srv.Sequences.Own = false
			continue
		}
		if w == "asking" {
			srv.Habit = new(Habit)
			continue
		}
		n, err := strconv.Atoi(strings.TrimPrefix(w, "max="))
		if err != nil {
			return err
		}
		srv.MaxPrepared = n
	}
	return nil
}

func (s *script) client(name string) *testClient {
	i := slices.IndexFunc(s.clients, func(c *testClient) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return s.clients[i]
}

func (s *script) server(name string) *testServer {
	i := slices.IndexFunc(s.servers, func(c *testServer) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return s.servers[i]
}

// says feeds what one side says.
func (s *script) says(who, line string) error {
	messages, err := splitMessages(line)
	if err != nil {
		return err
	}
	build := clientMessage
	if s.server(who) != nil {
		build = serverMessage
	}
	var b []byte
	for _, m := range messages {
		one, err := build(m)
		if err != nil {
			return err
		}
		b = append(b, one...)
	}
	return s.feed(who, b)
}

// feed feeds bytes, cut as this run does.
func (s *script) feed(who string, b []byte) error {
	s.longest = max(s.longest, len(b))
	var say func([]byte)
	if c := s.client(who); c != nil {
		say = func(b []byte) { s.clientSays(c, b) }
	} else if srv := s.server(who); srv != nil {
		say = func(b []byte) { s.serverSays(srv, b) }
	} else {
		return fmt.Errorf("there is no %q", who)
	}
	for i := range b {
		if s.cut < 0 {
			say(b[i : i+1])
		}
	}
	if s.cut > 0 && s.cut < len(b) {
		say(b[:s.cut])
		b = b[s.cut:]
	}
	if s.cut >= 0 {
		say(b)
	}
	return nil
}

// does does what is not saying.
func (s *script) does(who, what string) error {
	c, srv := s.client(who), s.server(who)
	words := strings.Fields(what)
	switch {
	case c != nil && words[0] == "wants":
		c.prefers = s.server(words[1])
	case c != nil && words[0] == "leaves":
		s.turn(func() { s.leave(c) })
	case c != nil && words[0] == "fills":
		n, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		messages, err := splitMessages(strings.TrimPrefix(what, "fills "+words[1]))
		if err != nil {
			return err
		}
		one, err := clientMessage(messages[0])
		if err != nil {
			return err
		}
		s.clientSays(c, bytes.Repeat(one, n))
		for _, srv := range s.servers { // too much to be told
			if n := len(srv.received); n > 4096 {
				s.event("%s received %d bytes", srv.name, n)
				srv.received = nil
			}
		}
	case srv != nil && words[0] == "answers":
		n := -1
		if len(words) > 1 {
			var err error
			if n, err = strconv.Atoi(words[1]); err != nil {
				return err
			}
		}
		for {
			if srv.pg.answer(n) == 0 {
				return nil
			}
			if err := s.feed(who, srv.pg.taken()); err != nil || n > 0 {
				return err
			}
		}
	case srv != nil && words[0] == "dies":
		s.turn(func() { s.closeServer(srv) })
	case srv != nil && words[0] == "overruns":
		srv.Instead = pgwire.AppendError(nil, "ERROR", "57014", "canceling statement due to query timeout", "", "")
	case srv != nil && words[0] == "moves":
		srv.Leave(s.env)
	case srv != nil && words[0] == "forgets":
		for h := range srv.pg.stmts {
			if strings.HasPrefix(h, prepared.ServerNamePrefix) {
				delete(srv.pg.stmts, h)
			}
		}
	default:
		return fmt.Errorf("%s cannot do that", who)
	}
	return nil
}
