package session

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// unitRig is a shard that knows some texts, and a client of it.
type unitRig struct {
	e    *Env
	c    Client
	list SuspectList
}

type toNobody struct{}

func (toNobody) Send(uint64, []byte) {}

func newUnitRig() *unitRig {
	r := &unitRig{e: NewEnv(toNobody{})}
	x := &Suspects{}
	x.KnowReaders()
	r.list.Store(x)
	for text, class := range map[string]sql.Class{
		"select 1": sql.ClassReads, "select 2": sql.ClassReads, "begin read only": sql.ClassBeginsReadOnly, "begin": sql.ClassBegins,
		"insert": sql.ClassWrites, "set a = 1": sql.ClassWrites, "commit": sql.ClassWrites, "commit prepared 'x'": sql.ClassWrites,
	} {
		r.e.Learn(sql.Fingerprint([]byte(text)), &sql.Facts{Class: class})
	}
	return r
}

func spoken(typ byte, parts ...string) []byte {
	b := []byte{typ, 0, 0, 0, 0}
	for _, p := range parts {
		b = append(b, p...)
	}
	binary.BigEndian.PutUint32(b[1:], uint32(len(b)-1))
	return b
}

func asks(text string) []byte { return spoken(pgwire.Query, text, "\x00") }

func prepares(name, text string) []byte {
	return spoken(pgwire.Parse, name, "\x00", text, "\x00\x00\x00")
}

func describes(name string) []byte { return spoken(pgwire.Describe, "S", name, "\x00") }

func binds(name string) []byte {
	return append(spoken(pgwire.Bind, "\x00", name, "\x00\x00\x00\x00\x00\x00\x00"), spoken(pgwire.Execute, "\x00\x00\x00\x00\x00")...)
}

func together(messages ...[]byte) (all []byte) {
	for _, m := range messages {
		all = append(all, m...)
	}
	return all
}

// What a unit does is told by all of its texts; what has not come yet may write.
func TestWhatAUnitDoes(t *testing.T) {
	sync := spoken(pgwire.Sync)
	for name, c := range map[string]struct {
		data []byte
		want UnitKind
		hint sql.Route
	}{
		"a query that reads":               {data: asks("select 1"), want: UnitReads},
		"one that writes":                  {data: asks("insert"), want: UnitWrites},
		"one that nobody has looked at":    {data: asks("select a"), want: UnitWrites},
		"half of one":                      {data: asks("select 1")[:9], want: UnitWrites},
		"only the first query counts":      {data: together(asks("select 1"), asks("insert")), want: UnitReads},
		"SET":                              {data: asks("set a = 1"), want: UnitSettles},
		"BEGIN":                            {data: asks("begin"), want: UnitSettles},
		"COMMIT":                           {data: asks("commit"), want: UnitSettles},
		"COMMIT PREPARED":                  {data: asks("commit prepared 'x'"), want: UnitWrites},
		"BEGIN READ ONLY":                  {data: asks("begin read only"), want: UnitReads},
		"a batch that reads":               {data: together(prepares("", "select 1"), binds(""), sync), want: UnitReads},
		"without its Sync":                 {data: together(prepares("", "select 1"), binds("")), want: UnitWrites},
		"a batch of two":                   {data: together(prepares("", "select 1"), binds(""), prepares("", "insert"), binds(""), sync), want: UnitWrites},
		"BEGIN and a read":                 {data: together(prepares("", "begin"), binds(""), prepares("", "select 1"), binds(""), sync), want: UnitSettles},
		"BEGIN READ ONLY and more":         {data: together(prepares("", "begin read only"), binds(""), prepares("", "insert"), binds(""), sync), want: UnitReads},
		"BEGIN READ ONLY behind a read":    {data: together(prepares("", "select 1"), binds(""), prepares("", "begin read only"), binds(""), sync), want: UnitSettles},
		"what was prepared before":         {data: together(binds("reads"), sync), want: UnitReads},
		"what was prepared before, writes": {data: together(binds("writes"), sync), want: UnitWrites},
		"what was never prepared":          {data: together(binds("unknown"), sync), want: UnitWrites},
		"asked what it returns":            {data: together(describes("reads"), sync), want: UnitReads},
		"asked what it returns, writes":    {data: together(describes("writes"), sync), want: UnitWrites},
		"asked what is not there returns":  {data: together(describes("unknown"), sync), want: UnitWrites},
		"asked in a batch that reads":      {data: together(prepares("", "select 1"), describes("writes"), binds(""), sync), want: UnitWrites},
		"asked what the batch prepares":    {data: together(prepares("s", "select 1"), describes("s"), sync), want: UnitReads},
		"asked, and cut":                   {data: together(spoken(pgwire.Describe, "S"), sync), want: UnitWrites},
		"a Sync alone":                     {data: sync, want: UnitWrites},
		"a function call":                  {data: spoken(pgwire.FunctionCall, "\x00\x00\x00\x01"), want: UnitWrites},
		"a hint":                           {data: asks("/* route: primary */ select 1"), want: UnitReads, hint: sql.RoutePrimary},
		"a hint behind":                    {data: asks("insert -- route=replica"), want: UnitWrites, hint: sql.RouteReplica},
	} {
		r := newUnitRig()
		r.has("reads", "select 2")
		r.has("writes", "insert")
		if got := r.c.Unit(r.e, c.data, &r.list); got.Kind != c.want || got.Hint != c.hint {
			t.Errorf("%s: %d, hint %v; want %d, %v", name, got.Kind, got.Hint, c.want, c.hint)
		}
	}
}

// What a client prepares under a name that only its server knows stays there, and the client with all that it writes: so that is no read.
func TestWhatStaysWithItsServerIsNoRead(t *testing.T) {
	sync, long := spoken(pgwire.Sync), strings.Repeat("n", maxName+1)
	for name, c := range map[string]struct {
		data       []byte
		noPrepared bool
		want       UnitKind
	}{
		"max_prepared_statements 0, a name": {together(prepares("s", "select 1"), sync), true, UnitSettles},
		"without a name":                    {together(prepares("", "select 1"), binds(""), sync), true, UnitReads},
		"a name like any":                   {together(prepares("s", "select 1"), sync), false, UnitReads},
		"one that is too long":              {together(prepares(long, "select 1"), sync), false, UnitSettles},
	} {
		r := newUnitRig()
		r.c.NoPrepared = c.noPrepared
		if got := r.c.Unit(r.e, c.data, &r.list); got.Kind != c.want {
			t.Errorf("%s: %d; want %d", name, got.Kind, c.want)
		}
	}
}

// A standby does not listen: so of a client that listens only what reads is for one, and no transaction that may go on with anything.
func TestWhatReadsOfAClientThatListens(t *testing.T) {
	sync := spoken(pgwire.Sync)
	deferred := together(prepares("", "begin"), binds(""), prepares("", "select 1"), binds(""), sync)
	for name, c := range map[string]struct {
		data    []byte
		listens bool
		want    UnitKind
	}{
		"a read":                             {asks("select 1"), true, UnitReads},
		"BEGIN READ ONLY":                    {asks("begin read only"), true, UnitSettles},
		"BEGIN READ ONLY, of another":        {asks("begin read only"), false, UnitReads},
		"BEGIN that is not deferred":         {deferred, true, UnitSettles},
		"BEGIN that is deferred, of another": {deferred, false, UnitReads},
	} {
		r := newUnitRig()
		r.c.Defers, r.c.Listens = true, c.listens
		if got := r.c.Unit(r.e, c.data, &r.list); got.Kind != c.want {
			t.Errorf("%s: %d; want %d", name, got.Kind, c.want)
		}
		if _, verdict, _ := r.c.Feed(r.e, nil, asks("begin")); (verdict == NeedServer) != c.listens {
			t.Errorf("%s: a BEGIN alone is answered here: %v", name, verdict)
		}
	}
}

// has gives the client a prepared statement.
func (r *unitRig) has(name, text string) prepared.StmtID {
	id := r.e.Statements.Intern(0, []byte{0, 0}, []byte(text))
	r.e.Names.Set(r.c.Slot, &r.c.names, []byte(name), id)
	return id
}

// As long as the catalog is not known, nothing reads; nor in an encoding that cannot be read.
func TestNothingReadsThatIsNotKnownTo(t *testing.T) {
	r := newUnitRig()
	if u := r.c.Unit(r.e, asks("select 1"), new(SuspectList)); u.Kind != UnitWrites {
		t.Error("without a list a text reads")
	}
	if u := r.c.Unit(r.e, asks("select 1"), nil); u.Kind != UnitWrites {
		t.Error("where nobody looks for hidden state a text reads")
	}
	r.c.Unreadable = true
	if u := r.c.Unit(r.e, asks("select 1"), &r.list); u.Kind != UnitWrites {
		t.Error("a text in an unreadable encoding reads")
	}
}

// Reading a unit allocates nothing.
func TestReadingAUnitDoesNotAllocate(t *testing.T) {
	r := newUnitRig()
	r.has("reads", "select 2")
	data := together(binds("reads"), spoken(pgwire.Sync))
	for name, b := range map[string][]byte{"simple": asks("select 1"), "prepared": data, "settles": asks("set a = 1")} {
		r.c.Unit(r.e, b, &r.list)
		if n := testing.AllocsPerRun(100, func() { r.c.Unit(r.e, b, &r.list) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
