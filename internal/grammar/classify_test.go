package grammar

import (
	"errors"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

func TestClassify(t *testing.T) {
	const reads, writes, begins, beginsReadOnly = sql.ClassReads, sql.ClassWrites, sql.ClassBegins, sql.ClassBeginsReadOnly
	for _, c := range []struct {
		text      string
		class     sql.Class
		functions string
		relations string
	}{
		{"", reads, "", ""},
		{" ; -- nothing", reads, "", ""},
		{"select 1", reads, "", ""},
		{"select a, Count(*) from s.T where lower(b) = any(array[upper($1)]) group by a", reads, "count lower upper", "t"},
		{"table t", reads, "", "t"},
		{"values (f(1)), (g(2))", reads, "f g", ""},
		{"select 1 union all (select 2 from a except table b)", reads, "", "a b"},
		{"select * from a join b using (x), lateral f(a.x) g, rows from (h(1), i(2)) as j", reads, "f h i", "a b"},
		{"select (select max(x) from a), exists (select from b), array(select y from c)", reads, "max", "a b c"},
		{"select sum(x) filter (where f(x)) over w from a window w as (partition by g(y))", reads, "f g sum", "a"},
		{"select * from a tablesample bernoulli (10)", reads, "", "a"},
		{"select * from a tablesample own (10)", writes, "", ""},
		{`select "F"(), U&"d\0061t"()`, writes, "", ""}, // the lexer does not read it
		{`select "F"(), s."My f"()`, reads, "F My f", ""},
		{"select current_user, now(), current_timestamp, extract(year from x), a at time zone 'utc'", reads, "extract now timezone", ""},
		{"select xmlelement(name a), json_array(1), x is json, coalesce(a, greatest(b, c)), nullif(d, e)", reads, "", ""},
		{"select ('s'::regclass).nextval", reads, "nextval", ""},
		{"select (addr).city, t.*, (t).x.y", reads, "", ""},
		{"select 1; select 2 from a; show work_mem", reads, "", "a"},

		// Common table expressions are no relations where they can be seen.
		{"with x as (select * from a) select * from x, b", reads, "", "a b"},
		{"with x as (select 1), y as (select * from x) select * from y", reads, "", ""},
		{"with x as (select * from y), y as (select 1) select * from x", reads, "", "y"},
		{"with recursive x as (select 1 union all select * from y), y as (select * from x) select * from x", reads, "", ""},
		{"with x as (select 1) select * from s.x", reads, "", "x"},
		{"select * from x where exists (with x as (select 1) select * from x)", reads, "", "x"},
		{"(with x as (select 1) select * from x) union select * from x", reads, "", "x"},
		{"with recursive x as (select 1) search depth first by a set b cycle a set c using d select * from x", reads, "", ""},

		// What writes, or locks, at any depth.
		{"select * from t for update", writes, "", ""},
		{"select * from t for share of t nowait", writes, "", ""},
		{"select * from t for no key update skip locked", writes, "", ""},
		{"select * from (select * from t for key share) x", writes, "", ""},
		{"select 1 where exists (select from t for update)", writes, "", ""},
		{"select 1 union (select 2 from t for update)", writes, "", ""},
		{"select 1 into x", writes, "", ""},
		{"select 1 into temp x from t", writes, "", ""},
		{"with x as (insert into t values (1) returning *) select * from x", writes, "", ""},
		{"with x as (with y as (delete from t returning *) select * from y) select * from x", writes, "", ""},
		{"select * from (with y as (update t set a = 1 returning *) select * from y) x", writes, "", ""},
		{"with x as (merge into t using u on true when matched then delete returning t.a) select * from x", writes, "", ""},
		{"select * from pg_temp.t", writes, "", ""},
		{"select pg_temp.f()", writes, "", ""},
		{"select * from pg_temp_3.t", writes, "", ""},
		{"select 1::pg_temp.d", writes, "", ""},

		{"explain select f() from t", reads, "f", "t"},
		{"explain (analyze, costs off) values (1)", reads, "", ""},
		{"explain analyze verbose select * from t for update", writes, "", ""},
		{"explain insert into t values (1)", writes, "", ""},
		{"explain execute p", writes, "", ""},
		{"explain create table x as select 1", writes, "", ""},
		{"explain declare c cursor for select 1", writes, "", ""},

		{"copy t to stdout", reads, "", "t"},
		{"copy s.t (a, b) to stdout with (format csv, header)", reads, "", "t"},
		{"copy (select f() from t) to stdout", reads, "f", "t"},
		{"copy (select * from t for update) to stdout", writes, "", ""},
		{"copy (delete from t returning *) to stdout", writes, "", ""},
		{"copy t to '/x'", writes, "", ""},
		{"copy t to program 'x'", writes, "", ""},
		{"copy (select 1) to '/x'", writes, "", ""},
		{"copy t from stdin", writes, "", ""},
		{"copy t from stdin where a > 1", writes, "", ""},

		{"show work_mem", reads, "", ""},
		{"show time zone", reads, "", ""},
		{"show transaction isolation level", reads, "", ""},
		{"show all", writes, "", ""},
		{`show "Transaction_Read_Only"`, writes, "", ""},
		{"show default_transaction_read_only", writes, "", ""},
		{"show in_hot_standby", writes, "", ""},

		{"begin", begins, "", ""},
		{"start transaction read write", begins, "", ""},
		{"begin read only", beginsReadOnly, "", ""},
		{"begin; ", begins, "", ""},
		{"start transaction isolation level repeatable read, read only", beginsReadOnly, "", ""},
		{"begin transaction read only not deferrable isolation level read committed", beginsReadOnly, "", ""},
		{"begin isolation level serializable read only deferrable", begins, "", ""},
		{"begin read only isolation level serializable", begins, "", ""},
		{"begin isolation level repeatable read", begins, "", ""},
		{"begin read only, read write", begins, "", ""},
		{"begin; select 1", writes, "", ""},
		{"begin read only; commit", writes, "", ""},
		{"commit", writes, "", ""},
		{"rollback", writes, "", ""},
		{"savepoint x", writes, "", ""},
		{"select 1; commit", writes, "", ""},

		{"insert into t values (1)", writes, "", ""},
		{"update t set a = 1", writes, "", ""},
		{"select 1; delete from t", writes, "", ""},
		{"set work_mem = '1MB'", writes, "", ""},
		{"reset all", writes, "", ""},
		{"discard all", writes, "", ""},
		{"listen x", writes, "", ""},
		{"notify x", writes, "", ""},
		{"prepare p as select 1", writes, "", ""},
		{"execute p", writes, "", ""},
		{"declare c cursor for select 1", writes, "", ""},
		{"fetch c", writes, "", ""},
		{"lock t", writes, "", ""},
		{"call p()", writes, "", ""},
		{"do 'begin end'", writes, "", ""},
		{"create table t ()", writes, "", ""},
		{"create table t as select 1", writes, "", ""},
		{"refresh materialized view v", writes, "", ""},
		{"vacuum", writes, "", ""},
		{"analyze", writes, "", ""},
		{"checkpoint", writes, "", ""},

		{"selec 1", writes, "", ""},
		{"select 'x", writes, "", ""},
		{"select '\xff'", writes, "", ""},
		{"select 1\x00; drop table t", writes, "", ""},
	} {
		f, err := Classify(c.text)
		if f.Class != sql.ClassReads {
			f.Functions, f.Relations = nil, nil // what those have is in testdata/facts.txt
		}
		if f.Class != c.class || strings.Join(f.Functions, " ") != c.functions || strings.Join(f.Relations, " ") != c.relations {
			t.Errorf("%q: %+v %v\nwant %d, functions %s, relations %s", c.text, f, err, c.class, c.functions, c.relations)
		}
	}
}

func TestWhatIsNotParsed(t *testing.T) {
	for _, c := range []struct {
		text string
		want error
	}{
		{"select 1" + strings.Repeat(" ", MaxText), ErrTooLong},
		{"select " + strings.Repeat("(", maxDepth+1) + "1" + strings.Repeat(")", maxDepth+1), ErrTooDeep},
		{"select $", ErrUnclear},
		{"select '\xff'", ErrUnclear},
		{"update t set (" + strings.Repeat("a,", 200) + "a) = (" + strings.Repeat("1,", 200) + "1)", ErrTooLarge},
		{"update t set (" + strings.Repeat("a,", 9) + "a) = (select " + strings.Repeat("1,", 7000) + "1)", ErrTooLarge},
		{nested(7, "with x as (update t set (a,a,a,a,a,a,a,a,a,a)=(", "select 1", ") returning 1) select 1"), ErrTooLarge},
	} {
		if f, err := Classify(c.text); !errors.Is(err, c.want) || f.Class != sql.ClassWrites {
			t.Errorf("%.50q: %v %v, want %v", c.text, f, err, c.want)
		}
	}
	if _, err := Classify("selec 1"); err == nil || !strings.Contains(err.Error(), "syntax error") {
		t.Errorf("a syntax error is %v", err)
	}
}

// nested is a text n levels deep.
func nested(n int, before, inner, behind string) string {
	return strings.Repeat(before, n) + inner + strings.Repeat(behind, n)
}

// nests are ways to nest: what is before and behind the innermost, for each level.
var nests = []struct{ before, inner, behind string }{
	{"select (", "select 1", ")"}, {"select * from (", "select 1", ") x"}, {"with x as (", "select 1", ") select * from x"},
	{"select exists (", "select 1", ")"}, {"select array(", "select 1", ")"}, {"select 1 in (", "select 1", ")"},
	{"select 1 from a join lateral (", "select 1", ") x on true"}, {"values ((", "select 1", "))"}, {"select f((", "select 1", "))"},
	{"select 1 order by (", "select 1", ")"}, {"select 1 limit (", "select 1", ")"}, {"select (case when (", "select true", ") then 1 end)"},
	{"select 1 union (", "select 1", ")"}, {"select count(*) over (partition by (", "select 1", "))"}, {"select x[(", "select 1", ")]"},
	{"select xmlelement(name a, (", "select 1", "))"}, {"select json_object('a': (", "select 1", "))"},
	{"with recursive x as (select 1 union all (", "select 1", ")) select * from x"},
	{"with x as (update t set (a, b) = (", "select 1, 2", ") returning 1) select 1, 2"},
	{"with x as (insert into t values (1) on conflict (a) do update set c = 1, (a, b, c, d) = row(", "select 1", ") returning 1) select 1"},
}

// chains are ways to have operands of operands: they stand between select and 1, or behind 1.
var chains = []struct{ before, behind string }{
	{"", "+1"}, {"", "||1"}, {"", " - - 1"}, {"not ", ""}, {"- ", ""}, {"@ a ", ""}, {"", "::a"}, {"", "::a::b"}, {"", " collate x"},
	{"", " at time zone 'x'"}, {"", " is null"}, {"", " isnull"}, {"f(", ")"}, {"((", "))"}, {"(1,", ")"}, {"array[", "]"}, {"", "[1]"},
	{"case when true then 1 else ", " end"}, {"case ", " when 1 then 2 end"}, {"case when a and ", " then 1 end"},
	{"case when a between 1 and 2 and ", " then 1 end"}, {"a between 1 and not ", ""}, {"a between b and c and not ", ""},
	{"", " operator(x.+) 1"}, {"", " like 'x' escape 'y' || z"}, {"", " similar to 'x' || y"}, {"", "<<1"}, {"", "->>'a'"}, {"coalesce(a, ", ")"},
	{"cast(", " as x)"}, {"row(", ").a"}, {"(", ").a"}, {"xmlelement(name a, ", ")"}, {"", ", 1 union select 1"}, {"", " where a and b union select 1"},
	{"", " from a join b on c and d union select 1"}, {"(select ", ")"}, {"a + (b and c + ", ")"}, {"a, f(b, ", ")"}, {"", " overlaps (1)"},
	{"not a and not ", ""}, {"a = ", ""}, {"", " <> 1"}, {"", " is distinct from 1"}, {"", " not in (1)"}, {"a in (1, 2, ", ")"}, {"", " is not true"},
}

// TestTheParserStandsWhatIsAdmitted: whatever depthOf lets through, in every way there is to nest, does not break the parser.
func TestTheParserStandsWhatIsAdmitted(t *testing.T) {
	admitted := func(text string) bool {
		err := admit(text)
		return err == nil || errors.Is(err, ErrUnclear)
	}
	most := 3000 // where nothing nests
	try := func(text func(n int) string) {
		t.Helper()
		n := 1
		for n < most && admitted(text(n+1)) {
			n++
		}
		if _, err := Classify(text(n)); err != nil && strings.Contains(err.Error(), "bug") {
			t.Fatalf("%d times: %.100s: %v", n, text(n), err)
		}
	}
	for _, c := range nests {
		try(func(n int) string { return nested(n, c.before, c.inner, c.behind) })
	}
	for _, c := range chains {
		try(func(n int) string { return "select " + strings.Repeat(c.before, n) + "1" + strings.Repeat(c.behind, n) })
	}
	try(func(n int) string { return "select 1 from a" + strings.Repeat(" join b on c and d", n) })
	try(func(n int) string {
		return "select 1 from " + strings.Repeat("(", n) + "a" + strings.Repeat(" join b on c)", n)
	})
	try(func(n int) string { return "select 1" + strings.Repeat(" union select 1, 2", n) })
	try(func(n int) string { return "select 1 where a" + strings.Repeat(" and b or c", n) })
	try(func(n int) string { return "select 1" + strings.Repeat(", a + b", n) })
	most = 2 * maxDepth
	for i, c := range nests {
		for j, d := range chains {
			if testing.Short() && (i+j)%7 > 0 {
				continue
			}
			try(func(n int) string {
				k := min(n, 40)
				inner := "select " + strings.Repeat(d.before, n) + "1" + strings.Repeat(d.behind, n)
				return strings.Repeat(c.before, k) + inner + strings.Repeat(c.behind, k)
			})
		}
	}
	if f, err := Classify("select 1"); f.Class != sql.ClassReads {
		t.Fatalf("the parser is not well: %v", err)
	}
}
