package grammar

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/wasilibs/go-pgquery/parser"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// splinters are what texts are made of at random: what begins, ends or looks like a literal, a comment, a name or an operator.
var splinters = strings.Split(`select| |  |'|''|'a'|'it''s'|e'\''|E'a\nb'|\|$1|$2|$$|$$ x $$|$t$|$t$ y $t$|--|-- c|/*|*/|/* c */|"|"A"|"a b"|a|B|_c|é|É|1|1.5|.5|1e5|2.|`+
	`+|-|*|/|<|>|=|->>|::|:=|?|@>|(|)|[|]|,|;|.|..|in|IN (1,2)|b'01'|x'ff'|u&'x'|n|e|from|t|not|1a|$a|#|!`, "|")

func init() { splinters = append(splinters, "\n", "\t", "|", "||") }

// TestTheLexersAgree: the normal form has the tokens that Postgres's own lexer finds, for texts made at random.
func TestTheLexersAgree(t *testing.T) {
	const seed = 5
	random := rand.New(rand.NewPCG(seed, 0))
	compared := 0
	for range 20_000 {
		var b strings.Builder
		for range 1 + random.IntN(12) {
			b.WriteString(splinters[random.IntN(len(splinters))])
			if random.IntN(3) == 0 {
				b.WriteByte(' ')
			}
		}
		text := b.String()
		form := sql.NormalForm(nil, []byte(text))
		if form == nil || measured(form).deepest > maxDepth || strings.Contains(text, "--") && strings.Contains(text, "'") {
			continue // to this lexer, but not to Postgres's, a comment between strings is the end of the first
		}
		want, err := formOfTokens(text)
		if err != nil || bytes.Contains(form, []byte("in ($n")) && strings.Count(want, "$n") != bytes.Count(form, []byte("$n")) {
			continue // no SQL, or a list that is one in the form
		}
		compared++
		if got := strings.ReplaceAll(string(form), " ", ""); got != strings.ReplaceAll(want, " ", "") {
			t.Fatalf("seed %d: %q has the form %q; Postgres's lexer finds %q", seed, text, form, want)
		}
	}
	t.Logf("%d texts compared", compared)
	if compared < 2000 {
		t.Errorf("only %d texts could be compared", compared)
	}
}

// formOfTokens is a normal form made of what Postgres's lexer finds.
func formOfTokens(text string) (string, error) {
	one.Lock()
	scanned, err := parser.ScanToProtobuf(text)
	one.Unlock()
	if err != nil {
		return "", err
	}
	var out []string
	for len(scanned) > 0 {
		var field uint64
		var token []byte
		field, token, scanned = protobufField(scanned)
		if field != 2 {
			continue
		}
		var at [6]uint64
		for len(token) > 0 {
			n := token[0] >> 3
			v, length := binary.Uvarint(token[1:])
			at[n], token = v, token[1+length:]
		}
		if letter := text[at[1]:at[2]]; (letter == "n" || letter == "N") && strings.HasPrefix(text[at[2]:], "'") {
			continue // N'…' is two tokens to it
		}
		out = append(out, formOfToken(text[at[1]:at[2]]))
	}
	return semicolons(out), nil
}

// protobufField is the first field of a message: its number and, if it is one of bytes, those.
func protobufField(b []byte) (field uint64, value, rest []byte) {
	tag, n := binary.Uvarint(b)
	v, m := binary.Uvarint(b[n:])
	b = b[n+m:]
	if tag&7 == 2 {
		return tag >> 3, b[:v], b[v:]
	}
	return tag >> 3, nil, b
}

// formOfToken is what a normal form makes of one token; of a comment, nothing.
func formOfToken(token string) string {
	lower := strings.ToLower(token)
	switch {
	case strings.HasPrefix(token, "--"), strings.HasPrefix(token, "/*"):
		return ""
	case token[0] == '"':
		return token
	case token[0] == '\'', token[0] == '$', token[0] >= '0' && token[0] <= '9', len(token) > 1 && token[0] == '.' && token[1] != '.',
		len(token) > 1 && token[1] == '\'', strings.HasPrefix(lower, "u&'"):
		return sql.Placeholder
	}
	var folded []byte
	for _, b := range []byte(token) {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		folded = append(folded, b)
	}
	return string(folded)
}

// semicolons joins tokens, without those semicolons that have no statement on both sides.
func semicolons(tokens []string) string {
	var out []string
	pending := false
	for _, token := range tokens {
		switch {
		case token == "":
		case token == ";":
			pending = len(out) > 0
		default:
			if pending {
				out, pending = append(out, ";"), false
			}
			out = append(out, token)
		}
	}
	return strings.Join(out, " ")
}

// TestLiteralsDoNotMatter: texts with one normal form have the same facts, where both are SQL.
func TestLiteralsDoNotMatter(t *testing.T) {
	for _, text := range []string{
		"select a, 1, 'x', $1 from t where b in (1, 2, 3) and c like 'x%' limit 5", "select f(1), g('a', 2) from h(3) where x[1] = 2",
		"select * from a tablesample system (10) where b between 1 and 2", "values (1, 2), ('a', 'b')", "select 1; select 2 from b",
		"with x as (select 1 as a) select * from x where a = 2 for update", "explain select f(1)", "copy (select 1 from t) to stdout",
		"select ('s'::regclass).nextval, 1", "insert into t values (1, 'x')", "select 1 into x", "select pg_temp.f(1)", "select c.nextval + 1 from c",
		"explain (analyze 1) insert into t values (f(1))", "copy t from '/x'", "update t set (a, b) = (f('x'), 2) where c = $1; truncate u",
		"set x = 'y'", "merge into t using u on a = 1 when matched and f(2) then delete", "create role x password 'y'", "prepare transaction 'x'",
		"select * from t where a > 'x'::timetz", "select * from pg_class where oid = 1", "call p(1, 'x')", "select 1 where a < current_date - 1",
	} {
		want, err := Classify(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, literal := range []string{"'y'", "7", "$3", "1.5", "$$z$$"} {
			other := strings.ReplaceAll(string(sql.NormalForm(nil, []byte(text))), sql.Placeholder, literal)
			if got, err := Classify(other); err == nil && !reflect.DeepEqual(got, want) || sql.Fingerprint([]byte(other)) != sql.Fingerprint([]byte(text)) {
				t.Errorf("%q: %+v; %q: %+v", text, want, other, got)
			}
		}
	}
}

func BenchmarkClassify(b *testing.B) {
	const text = `SELECT "users"."id", "users"."email" FROM "users" INNER JOIN "posts" ON "posts"."user_id" = "users"."id"
		WHERE "users"."deleted_at" IS NULL AND "posts"."state" IN ($1, $2, $3) ORDER BY "posts"."created_at" DESC LIMIT $4`
	Classify(text)
	for b.Loop() {
		Classify(text)
	}
}
