package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// nativeRig is a client that has max_prepared_statements 0, and so names of its own on its server, which is told what runs. renames is a function
// that nobody can read.
type nativeRig struct {
	*talker
	// ran is what Env.Runs was told since it was last looked at; "?" is what nobody can read.
	ran []string
}

func newNativeRig(t *testing.T) *nativeRig {
	r := &nativeRig{talker: newTalker(t)}
	x := &Suspects{}
	x.Add("renames", PinPrepare)
	list := &SuspectList{}
	list.Store(x)
	r.c.NoPrepared, r.s.Suspects, r.s.Tracks = true, list, true
	r.e.Runs = func(_ *Server, text []byte, _ prepared.StmtID, _ sql.Effects, _ Defining) {
		if text == nil {
			text = []byte("?")
		}
		r.ran = append(r.ran, string(text))
	}
	return r
}

// says has the client say something, and its server answer. It returns what ran.
func (r *nativeRig) says(says, answers string) []string {
	r.t.Helper()
	r.e.BeginTurn()
	r.ran = nil
	b := r.build(clientMessage, says)
	if used, v, _ := r.c.Feed(r.e, r.s, b); used != len(b) || v != More {
		r.t.Fatalf("%s: %d of %d bytes were used: %v", says, used, len(b), v)
	}
	if !r.s.Feed(r.e, r.c, r.build(serverMessage, answers)) {
		r.t.Fatalf("%s: %s cannot be the answer", says, answers)
	}
	return r.ran
}

// prepares has it prepare a text.
func (r *nativeRig) prepares(name, text string) {
	r.t.Helper()
	r.says(fmt.Sprintf(`Parse %q %q; Sync`, name, text), `ParseComplete; ReadyForQuery I`)
}

// queries has it say a Query that succeeds.
func (r *nativeRig) queries(text, tag string) []string {
	r.t.Helper()
	return r.says(fmt.Sprintf(`Query %q`, text), fmt.Sprintf(`CommandComplete %q; ReadyForQuery I`, tag))
}

// binds is what runs when it executes what it calls name.
func (r *nativeRig) binds(name string) string {
	r.t.Helper()
	return strings.Join(r.says(fmt.Sprintf(`Bind "" %q; Execute ""; Sync`, name), `BindComplete; CommandComplete "SELECT 1"; ReadyForQuery I`), ", ")
}

// stands demands that a name stands for a text, "?" if that is not to be certain.
func (r *nativeRig) stands(name, text string) {
	r.t.Helper()
	if got := r.binds(name); got != text {
		r.t.Errorf("Bind of %s: %q runs, and it is certain of %q", name, text, got)
	}
}

// text is what a name stands for, nil if that is not certain.
func (r *nativeRig) text(name string) []byte { return r.s.texts.text(&r.s.owed, []byte(name)) }

// list has Postgres list what is prepared, as rows of a name, its text, and whether it is SQL's.
func (r *nativeRig) list(rows ...string) {
	r.t.Helper()
	if !r.s.AsksTexts() {
		r.t.Fatal("it is not asked what names stand for")
	}
	r.e.BeginTurn()
	r.s.AskRows(r.e, TextsQuestion)
	answer := ""
	for _, row := range rows {
		answer += "DataRow " + row + "; "
	}
	if !r.s.Feed(r.e, r.c, r.build(serverMessage, answer+`CommandComplete "SELECT 1"; ReadyForQuery I`)) {
		r.t.Fatal("it cannot be answered")
	}
	r.s.LearnTexts(r.e)
}

// A name stands for what Postgres has prepared, and for nothing certain while that may fail, or has failed.
func TestANameStandsForWhatWasPrepared(t *testing.T) {
	r := newNativeRig(t)
	const one = `ParseComplete; BindComplete; CommandComplete "SELECT 1"; ReadyForQuery I`
	r.stands("s", "?")
	if got := r.says(`Parse s "select 1"; Bind "" s; Execute ""; Sync`, one); !slices.Equal(got, []string{"select 1"}) {
		t.Errorf("in the batch that prepares it %q runs", got)
	}
	r.stands("s", "select 1")
	later := r.says(`Parse t "select 2"; Sync; Bind "" t; Execute ""; Sync`,
		`ParseComplete; ReadyForQuery I; BindComplete; CommandComplete "SELECT 1"; ReadyForQuery I`)
	if !slices.Equal(later, []string{"?"}) {
		t.Errorf("behind a Sync that nobody has answered %q runs", later)
	}
	r.list(`s "select 1" f`)
	r.says(`Parse s "update a"; Sync`, `ErrorResponse ERROR 42P05 "it is taken"; ReadyForQuery I`)
	r.stands("s", "select 1")
	r.says(`Parse f "select 2"; Sync`, `ErrorResponse ERROR 42P01 "no such table"; ReadyForQuery I`)
	if r.text("f") != nil {
		t.Errorf("f stands for %q", r.text("f"))
	}
	r.says(`Parse f "update a"; Parse g "update b"; Sync`, `ErrorResponse ERROR 42P01 "no such table"; ReadyForQuery I`)
	r.says(`Parse g "select 3"; Sync`, `ParseComplete; ReadyForQuery I`)
	r.stands("g", "select 3")
	r.stands("f", "?")
}

// Statements are not of the transaction: one that is rolled back gives no name, and takes none.
func TestARollbackTakesNoNames(t *testing.T) {
	r := newNativeRig(t)
	r.prepares("s", "select 1")
	r.says(`Query begin`, `CommandComplete BEGIN; ReadyForQuery T`)
	r.says(`Query "prepare q as update a"`, `CommandComplete PREPARE; ReadyForQuery T`)
	r.says(`Query rollback`, `CommandComplete ROLLBACK; ReadyForQuery I`)
	r.stands("s", "select 1")
	r.stands("q", "prepare q as update a")
	r.says(`Query begin`, `CommandComplete BEGIN; ReadyForQuery T`)
	r.says(`Query "prepare w as update a"`, `ErrorResponse ERROR 42P01 "no such table"; ReadyForQuery E`)
	r.says(`Query rollback`, `CommandComplete ROLLBACK; ReadyForQuery I`)
	r.stands("w", "?")
}

// Whatever may take a name away has it forgotten, whether it does or not.
func TestWhatTakesNamesAway(t *testing.T) {
	const one = `ParseComplete; BindComplete; CommandComplete "SELECT 1"; ReadyForQuery I`
	for says, answers := range map[string]string{
		`Close S s; Sync`:              `CloseComplete; ReadyForQuery I`,
		`Query "deallocate s"`:         `CommandComplete DEALLOCATE; ReadyForQuery I`,
		`Query "deallocate prepare S"`: `ErrorResponse ERROR 25P02 "not now"; ReadyForQuery I`,
		`Query "deallocate all"`:       `CommandComplete "DEALLOCATE ALL"; ReadyForQuery I`,
		`Query "discard all"`:          `CommandComplete "DISCARD ALL"; ReadyForQuery I`,
		`Query "select 1; deallocate s; prepare s as update a"`: `CommandComplete "SELECT 1"; CommandComplete DEALLOCATE; ` +
			`CommandComplete PREPARE; ReadyForQuery I`,
		`Parse "" "deallocate s"; Bind "" ""; Execute ""; Sync`:        `ParseComplete; BindComplete; CommandComplete DEALLOCATE; ReadyForQuery I`,
		`Query "do 'begin execute ''deallocate s'' end'"`:              `CommandComplete DO; ReadyForQuery I`,
		`Query "select renames()"`:                                     `CommandComplete "SELECT 1"; ReadyForQuery I`,
		`Query "select 1; select renames()"`:                           `CommandComplete "SELECT 1"; CommandComplete "SELECT 1"; ReadyForQuery I`,
		`Parse "" "select renames()"; Bind "" ""; Execute ""; Sync`:    one,
		`FunctionCall 1234`:                                            `FunctionCallResponse; ReadyForQuery I`,
		`Bind "" nobody; Execute ""; Sync`:                             `BindComplete; CommandComplete "SELECT 1"; ReadyForQuery I`,
		`Close S ` + strings.Repeat("s", maxNameLen) + `; Sync`:        `CloseComplete; ReadyForQuery I`,
		`Close S "é"; Sync`:                                            `CloseComplete; ReadyForQuery I`,
		`Query "deallocate ` + strings.Repeat("x", maxNameLen+1) + `"`: `CommandComplete DEALLOCATE; ReadyForQuery I`,
		`Query "select 1 /* not closed"`:                               `ErrorResponse ERROR 42601 "no"; ReadyForQuery I`,
	} {
		r := newNativeRig(t)
		r.prepares("s", "select 's'")
		r.says(says, answers)
		if text := r.text("s"); text != nil {
			t.Errorf("behind %s s stands for %q", says, text)
		}
	}
}

// What takes nothing away has nothing forgotten.
func TestWhatTakesNoNamesAway(t *testing.T) {
	r := newNativeRig(t)
	r.prepares("s", "select 1")
	r.prepares("other", "select 2")
	r.queries("deallocate other", "DEALLOCATE")
	r.queries("update a", "UPDATE 1")
	r.queries("execute s", "SELECT 1")
	r.says(`Close P s; Close S nobody; Sync`, `CloseComplete; CloseComplete; ReadyForQuery I`)
	r.stands("s", "select 1")
	r.stands("other", "?")
}

// Once what nobody can read has run, nothing is certain up to the end of the transaction: a cursor may run it as late as that. Then Postgres is
// asked, and what it lists is.
func TestPostgresListsWhatNamesStandFor(t *testing.T) {
	r := newNativeRig(t)
	r.prepares("s", "select 1")
	r.says(`Query begin`, `CommandComplete BEGIN; ReadyForQuery T`)
	r.says(`Query "declare c cursor for select renames()"; Parse late "select 2"; Sync`,
		`CommandComplete "DECLARE CURSOR"; ReadyForQuery T; ParseComplete; ReadyForQuery T`)
	r.says(`Query "fetch c"; Query commit`, `CommandComplete "FETCH 1"; ReadyForQuery T; CommandComplete COMMIT; ReadyForQuery I`)
	if r.text("late") != nil {
		t.Error("a name that a cursor may have changed is certain")
	}
	r.list(`s "update a" f`, `q "prepare q as select 3" t`, `plain "prepare plain as select 4" f`, `back "select E'\\'" f`, `"é" "select 1" f`,
		`two "prepare one as select 1; prepare two as select 2" t`, `names "execute q" f`, `takes "deallocate s" f`)
	for name, text := range map[string]string{"s": "update a", "q": "prepare q as select 3"} {
		if got := r.text(name); string(got) != text {
			t.Errorf("%s stands for %q, and Postgres says %q", name, got, text)
		}
	}
	if len(r.s.texts.of) != 2 {
		t.Errorf("it is certain of %d names: %q", len(r.s.texts.of), r.s.texts.of)
	}
	r.s.DoubtTexts()
	r.e.BeginTurn()
	r.s.AskRows(r.e, TextsQuestion)
	r.s.Feed(r.e, r.c, r.build(serverMessage, `DataRow s "update a" f; ErrorResponse ERROR 57014 "too late"; ReadyForQuery I`))
	if r.s.LearnTexts(r.e); r.text("s") != nil || r.s.AsksTexts() {
		t.Error("where Postgres does not answer, it is certain; or it is asked again and again")
	}
}

// What was prepared in a transaction of which nobody has looked what runs in it is asked for behind it: the first one.
func TestTheFirstNameAmidATransactionIsAskedFor(t *testing.T) {
	r := newNativeRig(t)
	r.says(`Query begin`, `CommandComplete BEGIN; ReadyForQuery T`)
	r.says(`Query "declare c cursor for select renames()"; Parse s "select 1"; Sync`,
		`CommandComplete "DECLARE CURSOR"; ReadyForQuery T; ParseComplete; ReadyForQuery T`)
	if r.text("s") != nil || !r.s.AsksTexts() {
		t.Errorf("s stands for %q; it is asked for: %v", r.text("s"), r.s.AsksTexts())
	}
}

// So is what was prepared amid a batch: a portal of it may be such code.
func TestTheFirstNameAmidABatchIsAskedFor(t *testing.T) {
	r := newNativeRig(t)
	r.says(`Parse "" "select renames()"; Bind p ""; Flush`, `ParseComplete; BindComplete`)
	r.says(`Parse s "select 1"; Execute p; Sync`, `ParseComplete; CommandComplete "SELECT 1"; ReadyForQuery I`)
	if r.text("s") != nil || !r.s.AsksTexts() {
		t.Errorf("s stands for %q; it is asked for: %v", r.text("s"), r.s.AsksTexts())
	}
}

// A Bind whose names are so long that nobody looks at them executes something, too.
func TestABindOfLongNamesIsNotRead(t *testing.T) {
	for _, c := range []struct {
		length int // of what is looked at, to the end of the names
		ran    string
	}{{maxWhole, "select 1"}, {maxWhole + 1, "?"}} {
		r := newNativeRig(t)
		r.prepares("s", "select 1")
		r.ran = nil
		b := r.build(clientMessage, fmt.Sprintf(`Bind %s s`, strings.Repeat("p", c.length-pgwire.HeaderLen-len("\x00s\x00"))))
		r.c.Feed(r.e, r.s, b[:maxWhole])
		if !slices.Equal(r.ran, []string{c.ran}) {
			t.Errorf("names that end at byte %d: %q runs", c.length, r.ran)
		}
	}
}

// A text that nobody has read yet may be what changes them all.
func TestNoNameIsCertainWhileATextIsBeingRead(t *testing.T) {
	r := newNativeRig(t)
	r.prepares("s", "select 1")
	r.s.Guesses++
	r.stands("s", "?")
	r.s.Guesses--
	r.list(`s "select 1" f`)
	r.stands("s", "select 1")
}

// What an EXECUTE runs is known where it says nothing else. CREATE TABLE AS EXECUTE makes a table, too.
func TestWhatAnExecuteRuns(t *testing.T) {
	for says, ran := range map[string]string{
		"execute s(1)":                "prepare s(int) as update a",
		"EXECUTE S ( 'x' )":           "prepare s(int) as update a",
		"execute s(f(1))":             "execute s(f(1))",
		"execute nobody":              "execute nobody",
		"create table x as execute s": "create table x as execute s",
		"explain analyze execute s":   "explain analyze execute s",
		"/* x */ execute s":           "/* x */ execute s",
		"execute s; execute s":        "execute s; execute s",
		"executes":                    "executes",
	} {
		r := newNativeRig(t)
		r.queries("prepare s(int) as update a", "PREPARE")
		if got := r.queries(says, "UPDATE 1"); !slices.Equal(got, []string{ran}) {
			t.Errorf("%s: it is told %q, want %q", says, got, ran)
		}
	}
	r := newNativeRig(t)
	r.queries("prepare s(int) as update a", "PREPARE")
	r.says(`Parse "" "execute s(1)"; Sync`, `ParseComplete; ReadyForQuery I`)
	if got := r.binds(""); got != "execute s(1)" {
		t.Errorf("a portal that executes s when it is executed itself: it is told %q", got)
	}
}

// Of what a client executes that has no names at the pooler nothing is to be learned from what another's EXECUTE was read to run.
func TestAnExecuteIsNotTakenForOneThatWasReadBefore(t *testing.T) {
	r := newNativeRig(t)
	r.c.NoPrepared = false
	r.queries("prepare s as select 1", "PREPARE")
	if got := r.queries("execute s", "SELECT 1"); !slices.Equal(got, []string{"prepare s as select 1"}) {
		t.Fatalf("what was read runs %q", got)
	}
	if got := r.queries("create table x as execute s", "SELECT 1"); !slices.Equal(got, []string{"create table x as execute s"}) {
		t.Errorf("what makes a table of it runs %q", got)
	}
	f := feed{e: r.e, c: r.c, s: r.s}
	f.look([]byte("execute s"), false)
	f.read([]byte("execute s")) // as one leaves it that has been read, and is refused
	other := &nativeRig{talker: &talker{t, r.e, &Client{Slot: 2, NoPrepared: true}, &Server{Conn: 3, MaxPrepared: 0, Status: 'I', Tracks: true}}}
	r.e.Runs = func(_ *Server, text []byte, id prepared.StmtID, _ sql.Effects, _ Defining) {
		other.ran = append(other.ran, fmt.Sprintf("%s %d", text, id))
	}
	if got := other.queries("execute s", "UPDATE 1"); !slices.Equal(got, []string{"execute s 0"}) {
		t.Errorf("with max_prepared_statements 0, execute s runs %q", got)
	}
}

// The names are bounded, and their texts: what is beyond is not certain.
func TestNativeTextsAreBounded(t *testing.T) {
	r := newNativeRig(t)
	for i := range maxNativeTexts + 1 {
		r.prepares(fmt.Sprint("s", i), fmt.Sprint("select ", i))
	}
	r.stands(fmt.Sprint("s", maxNativeTexts-1), fmt.Sprint("select ", maxNativeTexts-1))
	r.stands(fmt.Sprint("s", maxNativeTexts), "?")

	r = newNativeRig(t)
	half := "select " + strings.Repeat("x", maxNativeTextBytes/2-len("select "))
	r.prepares("one", half)
	r.prepares("two", half)
	r.prepares("three", "x")
	if n := r.s.texts.size; n != maxNativeTextBytes || len(r.s.texts.of) != 2 {
		t.Errorf("%d texts of %d bytes are remembered, of %d at most", len(r.s.texts.of), n, maxNativeTextBytes)
	}
	r.says(`Close S one; Sync`, `CloseComplete; ReadyForQuery I`)
	r.prepares("three", "select 3")
	r.stands("three", "select 3")

	r = newNativeRig(t)
	var says, answers strings.Builder
	for i := range maxNativeTexts + 1 { // on their way
		fmt.Fprintf(&says, "Parse s%d \"select %d\"; ", i, i)
		answers.WriteString("ParseComplete; ")
	}
	r.says(says.String()+"Sync", answers.String()+"ReadyForQuery I")
	if n := len(r.s.texts.of); n != maxNativeTexts || len(r.s.texts.awaited) != 0 {
		t.Errorf("%d texts are remembered, and %d awaited", n, len(r.s.texts.awaited))
	}
}

// A name that Postgres may cut, or convert, stands for nothing; one that is a byte shorter does.
func TestOnlyCertainNamesStandForTexts(t *testing.T) {
	r := newNativeRig(t)
	for name, text := range map[string]string{
		strings.Repeat("s", maxNameLen-1): "select 1", strings.Repeat("t", maxNameLen): "?", "é": "?", prepared.ServerNamePrefix + "x": "?",
	} {
		r.prepares("keeps", "select 1")
		r.prepares(name, "select 1")
		r.stands(name, text)
		r = newNativeRig(t)
	}
}

// Nothing is remembered where nobody is told, or where it is not known which code leaves what, or how a text is read.
func TestWhereNothingIsRemembered(t *testing.T) {
	for name, change := range map[string]func(r *nativeRig){
		"no cache":        func(r *nativeRig) { r.s.Tracks = false },
		"no suspects":     func(r *nativeRig) { r.s.Suspects = nil },
		"a hard encoding": func(r *nativeRig) { r.c.Unreadable = true },
		"backslashes":     func(r *nativeRig) { r.c.BackslashQuotes = true },
	} {
		r := newNativeRig(t)
		change(r)
		r.prepares("s", "select 1")
		if !r.s.texts.none() || r.s.AsksTexts() {
			t.Errorf("%s: s stands for %q", name, r.s.texts.of["s"])
		}
	}
	r := newNativeRig(t)
	r.prepares("s", "select 1")
	if r.s.Cleaned(r.e); !r.s.texts.none() {
		t.Error("a server that was cleaned knows names")
	}
}

// To know what runs costs no memory for each query.
func TestNativeTextsDoNotAllocate(t *testing.T) {
	r := newNativeRig(t)
	r.prepares("s", "select 1")
	r.queries("prepare q as select 2", "PREPARE")
	n := 0
	r.e.Runs = func(_ *Server, text []byte, _ prepared.StmtID, _ sql.Effects, _ Defining) { n += len(text) }
	for _, turn := range [][2]string{
		{`Bind "" s; Execute ""; Sync`, `BindComplete; CommandComplete "SELECT 1"; ReadyForQuery I`},
		{`Query "execute q"`, `CommandComplete "SELECT 1"; ReadyForQuery I`},
	} {
		says, answers := r.turn(turn[0], turn[1])
		if n := testing.AllocsPerRun(200, func() {
			r.e.BeginTurn()
			r.c.Feed(r.e, r.s, says)
			r.s.Feed(r.e, r.c, answers)
		}); n > 0 {
			t.Errorf("%s: %v allocations", turn[0], n)
		}
	}
	if n == 0 {
		t.Error("nothing was told")
	}
}
