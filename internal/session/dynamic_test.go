package session

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// What dynamic SQL leaves that lasts is found where a statement of it begins, and not in prose.
func TestWhatLastsInDynamicSQL(t *testing.T) {
	for text, want := range map[string]Pins{
		"'LOAD ''auto_explain'''":                          PinLoad,
		"LOAD 'auto_explain'":                              PinLoad,
		"do $$ begin load $x$auto_explain$x$; end $$":      PinLoad,
		"'begin; load \n''x'''":                            PinLoad,
		"$$ begin execute format('load %L', name); end $$": PinLoad,
		"'select setseed(0.5)'":                            PinSeed,
		"SET SEED = 0.5":                                   PinSeed,
		"'set local seed to 0.5'":                          PinSeed,
		"'select set_config(''seed'', ''0.5'', false)'":    PinSeed,
		"'set session seed = 0.5; load ''x'''":             PinSeed | PinLoad,
		"'load'":                                           0,
		"'the load ''on'' the server'":                     0,
		"'a pumpkin seed'":                                 0,
		"'seed to plant'":                                  0,
		"'load_orders ''x'''":                              0,
		"'download ''x'''":                                 0,
		"'set seeds = 1; reset seed2'":                     0,
		"":                                                 0,
		strings.Repeat("x", 1000) + "; load 'x' " + "setseed": PinSeed | PinLoad,
	} {
		if got := lasting([]byte(text)); got != want {
			t.Errorf("%s: %b, want %b", text, got, want)
		}
	}
}

// suspecting is a client and a server that looks through its texts for what runs() may execute.
func suspecting() (*Env, *Client, *Server) {
	x := &Suspects{}
	x.Add("runs", asking)
	list := new(SuspectList)
	list.Store(x)
	return NewEnv(nowhere{}), &Client{Slot: 1}, &Server{Conn: 2, MaxPrepared: 100, Status: pgwire.StatusIdle, Suspects: list}
}

// What is given to code that may execute it is looked through, in texts and in values of either format; what is given to other
// code is not.
func TestWhatIsGivenToDynamicSQLIsLookedThrough(t *testing.T) {
	const set, load = "SET My.Tenant = 'a'", "LOAD 'x'"
	given := func(body ...string) []byte { return frameOf(pgwire.Bind, "\x00\x00"+strings.Join(body, "")) }
	parse := frameOf(pgwire.Parse, "\x00select runs($1, $2)\x00\x00\x00")
	for name, c := range map[string]struct {
		says  []byte
		names string
		pins  Pins
	}{
		"a text":             {frameOf(pgwire.Query, "select runs('SET My.Tenant = ''a''')\x00"), "my.tenant", 0},
		"a text that loads":  {frameOf(pgwire.Query, "select runs('LOAD ''x''')\x00"), "", PinLoad},
		"names of tables":    {frameOf(pgwire.Query, "select a.b from public.c, runs('x')\x00"), "", 0},
		"an innocent text":   {frameOf(pgwire.Query, "select walks('SET My.Tenant = ''a''; LOAD ''x''')\x00"), "", 0},
		"values":             {join2(parse, given("\x00\x00\x00\x02", valueOf(set), valueOf(load), "\x00\x00")), "my.tenant", PinLoad},
		"binary values":      {join2(parse, given("\x00\x01\x00\x01\x00\x02", valueOf(set), valueOf("x"), "\x00\x00")), "my.tenant", 0},
		"bytes":              {join2(parse, given("\x00\x01\x00\x01\x00\x01", valueOf("a\xff.b \xffa.b c\xc3\xa4.d"), "\x00\x00")), "c\xc3\xa4.d", 0},
		"NULL and no value":  {join2(parse, given("\x00\x00\x00\x02\xff\xff\xff\xff", valueOf(""), "\x00\x00")), "", 0},
		"values cut short":   {join2(parse, given("\x00\x00\x00\x02\x00\x00\xff\xff", set)), "my.tenant", 0},
		"formats cut short":  {join2(parse, given("\x00\x09")), "", 0},
		"a DO block":         {frameOf(pgwire.Query, "do $$ begin load 'x'; perform setseed(1); end $$\x00"), "", PinLoad | PinSeed},
		"a function's value": {frameOf(pgwire.FunctionCall, "\x00\x00\x40\x00\x00\x00\x00\x01"+valueOf(set)+"\x00\x00"), "my.tenant", 0},
	} {
		t.Run(name, func(t *testing.T) {
			e, client, s := suspecting()
			e.BeginTurn()
			if used, v, _ := client.Feed(e, s, c.says); used != len(c.says) || v != More {
				t.Fatalf("%d of %d bytes were used: %v", used, len(c.says), v)
			}
			var names []string
			s.Touched.Each(func(name []byte, _ TouchedHow) { names = append(names, string(name)) })
			if strings.Join(names, " ") != c.names || s.Pins != c.pins {
				t.Fatalf("found %q, pinned by %b, want %q and %b", names, s.Pins, c.names, c.pins)
			}
		})
	}
}

// What SQL has prepared is looked through when it is executed.
func TestWhatIsPreparedIsLookedThroughWhenItRuns(t *testing.T) {
	e, client, s := suspecting()
	for _, text := range []string{"prepare p as select runs('SET my.tenant = ''a''')", "execute p"} {
		s.Touched.Forget()
		e.BeginTurn()
		client.Feed(e, s, frameOf(pgwire.Query, text+"\x00"))
		s.Feed(e, client, join2(frameOf(pgwire.CommandComplete, "PREPARE\x00"), frameOf(pgwire.ReadyForQuery, "I")))
	}
	if !s.Touched.Named() {
		t.Fatal("nothing was found")
	}
}

// More names than can be asked for keep no server: the engine sees to what is not asked for.
func TestManyWordsWithDotsInWhatIsGiven(t *testing.T) {
	e, client, s := suspecting()
	var text strings.Builder
	text.WriteString("insert into runs values ('")
	for i := range 2 * maxGuessed {
		fmt.Fprintf(&text, "set host%d.example.com ", i)
	}
	e.BeginTurn()
	client.Feed(e, s, frameOf(pgwire.Query, text.String()+"')\x00"))
	if s.Touched.count != maxGuessed || s.Pins != 0 {
		t.Fatalf("%d names, pinned by %b", s.Touched.count, s.Pins)
	}
	client.Feed(e, s, frameOf(pgwire.Query, "set work_mem = '7MB'\x00"))
	if s.Touched.count != maxGuessed+1 || s.Pins != 0 {
		t.Fatal("there is no room for a setting that is named")
	}
}

// To look through what is given costs no memory.
func TestNoAllocationForWhatIsGiven(t *testing.T) {
	e, client, s := suspecting()
	f := &feed{e: e, c: client, s: s}
	text, value := []byte("select runs('SET My.Tenant = ''a''')"), []byte("\x00\x00\x00\x01"+valueOf("SET my.other = 'b'"))
	if n := testing.AllocsPerRun(200, func() {
		s.Touched.Forget()
		f.foreseeGiven(text)
		f.foreseeValues(value)
	}); n > 0 || s.Touched.count != 2 {
		t.Fatalf("%v allocations, %d names", n, s.Touched.count)
	}
}

func frameOf(typ byte, body string) []byte {
	n := len(body) + 4
	return append([]byte{typ, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, body...)
}

func valueOf(v string) string { return string([]byte{0, 0, byte(len(v) >> 8), byte(len(v))}) + v }

func join2(a, b []byte) []byte { return append(append([]byte{}, a...), b...) }
