package session

import (
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// some is a few suspects, of as many kinds.
func some() *Suspects {
	x := &Suspects{}
	x.Add("sets", PinSettings)
	x.Add("Locks", PinLock)
	x.Add("locks", PinTemp) // another schema's, or another case's
	x.Add("my temp-table", PinTemp)
	x.Add("öffnet", PinListen)
	x.Add(strings.Repeat("long", 20), PinCursor) // Postgres has cut it
	return x
}

func TestSuspectsAreFoundByTheirNames(t *testing.T) {
	x := some()
	for text, want := range map[string]Pins{
		"":                         0,
		"select 1":                 0,
		"select sets()":            PinSettings,
		"select public.SETS ( 1 )": PinSettings,
		`select "sets"()`:          PinSettings,
		"sets":                     PinSettings,
		"select resets(), sets_x, xsets, sets1, 1sets":      0,
		"insert into locks values (1)":                      PinLock | PinTemp,
		"select sets(locks)":                                PinSettings | PinLock | PinTemp,
		`select * from "my temp-table"`:                     PinTemp,
		"select 'sets'":                                     PinSettings, // it may be executed
		"select $$sets$$":                                   PinSettings,
		"select 1 -- sets":                                  PinSettings,
		"select ÖFFNET()":                                   PinListen,
		"select 'ä'":                                        PinListen, // in another encoding it may be the same
		"select " + strings.Repeat("LONG", 25) + "()":       PinCursor,
		"select " + strings.Repeat("long", 15) + "()":       0,
		"select " + strings.Repeat("long", 15) + "lon()":    PinCursor,
		"select " + strings.Repeat("x", 1000) + ", sets(1)": PinSettings,
	} {
		if got := x.Mentioned([]byte(text)); got != want {
			t.Errorf("%q: %b, want %b", text, got, want)
		}
	}
}

// What is suspected whatever it mentions, and what runs nothing of a user's.
func TestTextsThatAreAlwaysSuspected(t *testing.T) {
	all, strange, definitions := &Suspects{}, some(), &Suspects{}
	all.AddAny(PinLock)
	strange.Add("!", PinSeed) // an operator that was made a function's name
	definitions.AddDefinitions(PinTemp)
	for _, test := range []struct {
		by   *Suspects
		text string
		want Pins
	}{
		{all, "select 1", PinLock}, {all, "begin; select 1", PinLock}, {all, "begin", 0}, {all, "commit", 0}, {all, "", 0}, {all, ";", 0},
		{all, "set work_mem = '1MB'", 0}, {all, "show work_mem", 0}, {all, "discard all", 0}, {all, "listen x", 0},
		{all, "explain analyze select 1", PinLock}, {all, "copy t from stdin", PinLock}, {all, "fetch c", PinLock},
		{all, "set x = 1; select 1", PinLock}, {all, "refresh materialized view v", PinLock},
		{strange, "select 1", PinSeed},
		{definitions, "select 1", 0}, {definitions, "create table t ()", PinTemp}, {definitions, "drop table t", PinTemp},
		{definitions, "alter table t add a int", PinTemp},
		{some(), "execute x", some().all}, {some(), "select 1", 0},
		{Everything, "select 1", asking | AsksSequence | MayNotify}, {Everything, "commit", 0},
	} {
		var st sql.Statement
		sql.Scan([]byte(test.text), &st)
		if got := test.by.of(&st, []byte(test.text)); got != test.want {
			t.Errorf("%q: %b, want %b", test.text, got, test.want)
		}
	}
}

func TestWhatMayMakeSuspects(t *testing.T) {
	for text, want := range map[string]bool{
		"create function f() returns int language sql as 'select 1'": true, "CREATE OR REPLACE PROCEDURE f() AS ''": true,
		"create extension x": true, "alter extension x update": true, "create rule r as on insert to t do nothing": true,
		"create view v as select set_config('a', 'b', false)": true, "alter table t alter a set default pg_advisory_lock(1)": true,
		"create view v as select sets()": true, "alter table locks rename to others": true, "alter function sets() rename to x": true,
		"create trigger x before insert on t execute function sets()": true,
		"do $$ begin execute 'CREATE function f()'; end $$":           true, "do $$ begin perform 1; end $$": false,
		"begin; create function f() returns int language sql as 'select 1'": true,
		"create table t (a int)": false, "create temp table t (a int)": false, "alter table t add b int": false, "create index on t (a)": false,
		"drop function sets()": false, "select sets()": false, "create view v as select 1": false,
	} {
		var st sql.Statement
		sql.Scan([]byte(text), &st)
		if got := defines(&st, []byte(text), some().of(&st, []byte(text))); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// What may be the name of a setting of one's own in code is asked for; Postgres lists none of them.
func TestSettingsOfOnesOwnInCode(t *testing.T) {
	for text, want := range map[string]string{
		"do $$ begin perform set_config('My.Tenant', 'x', false); end $$":   "my.tenant",
		"do $$ begin set a.b.c = 1; x := 1.5; y := 2.; z := t . u; end. $$": "a.b.c",
		"do $$ begin end $$": "",
	} {
		var touched Touched
		touched.ownSettings([]byte(text))
		var got []string
		touched.Each(func(name []byte, _ TouchedHow) { got = append(got, string(name)) })
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	var touched Touched
	for i := range maxGuessed + 1 {
		if room := touched.ownSettings([]byte("a.b" + strings.Repeat("x", i))); room != (i < maxGuessed) {
			t.Errorf("%d names, and room for one more: %v", i, room)
		}
	}
}

// ordinary is a text of usual length, in which nothing is suspected.
var ordinary = []byte("SELECT o.id, o.created_at, c.name, sum(l.quantity * l.price) FROM orders o JOIN customers c ON c.id = o.customer_id " +
	"JOIN lines l ON l.order_id = o.id WHERE o.id = $1 AND c.tenant = 'acme' GROUP BY 1, 2, 3 ORDER BY o.created_at DESC LIMIT 20")

func TestNoAllocationPerTextThatIsLookedThrough(t *testing.T) {
	x := some()
	guilty := append([]byte("select sets(), locks() -- "), ordinary...)
	if n := testing.AllocsPerRun(1000, func() {
		if x.Mentioned(ordinary) != 0 || x.Mentioned(guilty) == 0 {
			t.Fatal("the wrong are suspected")
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkMentioned(b *testing.B) {
	x := some()
	b.SetBytes(int64(len(ordinary)))
	b.ReportAllocs()
	for b.Loop() {
		x.Mentioned(ordinary)
	}
}
