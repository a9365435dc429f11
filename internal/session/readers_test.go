package session

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// library is what a catalog may tell of who reads.
func library() *Suspects {
	x := &Suspects{}
	for _, name := range []string{"reads", "My Reader", "lower"} {
		x.AddReader(name)
	}
	for _, name := range []string{"writes", "upper"} {
		x.AddWriter(name)
	}
	for _, name := range []string{"volatile_view", "Locked rows", "öl"} {
		x.AddUnreadRelation(name)
	}
	x.AddUnread("status")
	x.KnowReaders()
	return x
}

func TestReadsOnly(t *testing.T) {
	for _, c := range []struct {
		text                 string
		functions, relations string // joined by commas
		want                 bool
	}{
		{"select 1", "", "", true},
		{"select a from t", "", "t", true},
		{"select count(*), lower(a), reads(b) from t", "count,lower,reads", "t", true},
		{`select "My Reader"()`, "My Reader", "", true},
		{`select my_reader()`, "my_reader", "", false}, // nobody has told of it
		{"select writes()", "writes", "", false},
		{"select upper(a)", "upper", "", false}, // a user's own may be meant
		{"select random()", "random", "", false},
		{"select nextval('s')", "nextval", "", false},
		{"select pg_advisory_lock(1)", "pg_advisory_lock", "", false},
		{"select reads(), random()", "random,reads", "", false},
		{"select pg_backend_pid()", "pg_backend_pid", "", false},
		{"select * from volatile_view", "", "volatile_view", false},
		{`select * from "volatile_view"`, "", "volatile_view", false},
		{"select * from Volatile_View", "", "volatile_view", false},
		{`select * from "Locked rows"`, "", "Locked rows", false},
		{"select 'volatile_view' -- volatile_view", "", "", true},
		{"select a as volatile_view from t", "", "t", true},
		{"select * from öl", "", "öl", false},
		{"select * from ÖL", "", "Öl", false},      // in another encoding it may be the same
		{"select t.status from t", "", "t", false}, // it may be a function of the row
		{"select * from pg_stat_activity", "", "pg_stat_activity", false},
		{"select * from pg_class", "", "pg_class", true},
		{"select last_value from orders_id_seq", "", "orders_id_seq", false},
	} {
		f := sql.Facts{Class: sql.ClassReads, Functions: split(c.functions), Relations: split(c.relations)}
		form := sql.NormalForm(nil, []byte(c.text))
		if got := library().ReadsOnly(&f, form); got != c.want {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
		f.Class = sql.ClassWrites
		if library().ReadsOnly(&f, form) {
			t.Errorf("%q reads, though the grammar says it writes", c.text)
		}
	}
}

func split(names string) []string {
	if names == "" {
		return nil
	}
	return strings.Split(names, ",")
}

func TestNothingReadsWhereNothingIsKnown(t *testing.T) {
	f, form := sql.Facts{Class: sql.ClassReads}, []byte("select $n")
	incomplete, operators, strange := &Suspects{}, library(), library()
	incomplete.AddReader("f")
	operators.AddUnread("")
	strange.AddUnread("+-+") // no word to look for
	for name, x := range map[string]*Suspects{"no list": nil, "everything": Everything, "an old answer": {}, "incomplete": incomplete,
		"operators": operators, "strange": strange} {
		if x.ReadsOnly(&f, form) {
			t.Errorf("%s: it reads", name)
		}
	}
	foreign := &Suspects{}
	foreign.KnowReaders()
	foreign.AddUnread("öl")
	if !foreign.ReadsOnly(&f, form) || foreign.ReadsOnly(&f, []byte("select ä")) {
		t.Error("a name beyond ASCII may come in any encoding")
	}
}

func TestReadingsAreRemembered(t *testing.T) {
	var r Readings
	x, y := library(), &Suspects{}
	text := []byte("select a from t where b = 1")
	fp := sql.Fingerprint(text)
	look := func(by *Suspects, class sql.Class, ask bool) {
		t.Helper()
		if got, asks := r.Lookup(fp, by, text); got != class || asks != ask {
			t.Errorf("class %d, ask %v; want %d, %v", got, asks, class, ask)
		}
	}
	look(x, sql.ClassWrites, true)
	look(x, sql.ClassWrites, false) // somebody has asked
	r.Forget(fp)
	look(x, sql.ClassWrites, true)
	r.Learn(fp, sql.Facts{Class: sql.ClassReads, Relations: []string{"t"}})
	look(x, sql.ClassReads, false)
	look(y, sql.ClassWrites, false)
	look(nil, sql.ClassWrites, false)
	look(x, sql.ClassReads, false)
	r.Forget(fp) // too late
	look(x, sql.ClassReads, false)
	later := library()
	later.AddUnreadRelation("t")
	look(later, sql.ClassWrites, false)
	look(x, sql.ClassReads, false)
	if n := testing.AllocsPerRun(100, func() { r.Lookup(fp, x, text) }); n != 0 {
		t.Errorf("Lookup allocates %v times", n)
	}
	r.Learn(fp, sql.Facts{Class: sql.ClassReads, Relations: make([]string, maxMentioned+1)})
	look(x, sql.ClassWrites, false)

	begin := sql.Fingerprint([]byte("begin read only"))
	r.Learn(begin, sql.Facts{Class: sql.ClassBeginsReadOnly})
	if class, ask := r.Lookup(begin, nil, []byte("begin read only")); class != sql.ClassBeginsReadOnly || ask {
		t.Errorf("BEGIN READ ONLY is %d, %v", class, ask)
	}
	if class, ask := r.Lookup(0, x, text); class != sql.ClassWrites || ask {
		t.Error("a text without a fingerprint is remembered")
	}
}

func TestReadingsAreBounded(t *testing.T) {
	var r Readings
	x := library()
	kept := uint64(1)
	r.Learn(kept, sql.Facts{Class: sql.ClassReads})
	text := []byte("select 1")
	for i := range 3 * MaxReadings {
		r.Lookup(uint64(i)+2, x, text)
		r.Learn(uint64(i)+2, sql.Facts{Class: sql.ClassReads, Functions: []string{fmt.Sprint(i)}})
		if class, _ := r.Lookup(kept, x, text); class != sql.ClassReads {
			t.Fatalf("what is used is forgotten after %d others", i)
		}
	}
	if len(r.entries) != MaxReadings || len(r.at) != MaxReadings {
		t.Errorf("%d entries, %d known", len(r.entries), len(r.at))
	}
}

// What a setting is, is a read, unless it may be the server's.
func TestSettingsOfTheServerAreNoRead(t *testing.T) {
	x := library()
	for text, class := range map[string]sql.Class{
		"select current_setting('app.tenant')":            sql.ClassReads,
		"select current_setting('transaction_read_only')": sql.ClassWrites,
		"select current_setting('in_hot_standby', true)":  sql.ClassWrites,
	} {
		var r Readings
		of := sql.Fingerprint([]byte(text))
		r.Learn(of, sql.Facts{Class: sql.ClassReads, Functions: []string{"current_setting"}})
		if got, _ := r.Lookup(of, x, []byte(text)); got != class {
			t.Errorf("%q is %d, want %d", text, got, class)
		}
	}
}
