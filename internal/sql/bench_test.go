package sql

import (
	"strings"
	"testing"
)

var benchTexts = []struct{ name, text string }{
	{"pgbench-S", "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;"},
	{"begin", "BEGIN"},
	{"update", "UPDATE pgbench_accounts SET abalance = abalance + -3012 WHERE aid = 71234;"},
	{"orm", `SELECT "users"."id", "users"."email", "users"."created_at" FROM "users" INNER JOIN "posts" ON "posts"."user_id" = "users"."id" WHERE "users"."deleted_at" IS NULL AND "posts"."state" IN ($1, $2, $3) ORDER BY "posts"."created_at" DESC LIMIT $4 OFFSET $5 /* controller:posts */`},
	{"report", strings.Repeat("select c.name, sum(o.total) as total, count(*) from customers c join orders o on o.customer_id = c.id where o.created_at between '2024-01-01' and '2024-12-31' group by c.name union all ", 3) + "select null, 0, 0"},
	{"insert-4k", "INSERT INTO documents (body) VALUES ('" + strings.Repeat("lorem ipsum ", 340) + "')"},
	{"set_config", "SELECT set_config('request.jwt.claims', '{\"sub\": \"1234\"}', true)"},
	{"set", "SET SESSION app.tenant = 'b7d0'; SET ROLE TO 'bob'"},
}

func BenchmarkScan(b *testing.B) {
	for _, c := range benchTexts {
		text := []byte(c.text)
		b.Run(c.name, func(b *testing.B) {
			var st Statement
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				Scan(text, &st)
			}
		})
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	st := Statement{buf: make([]byte, 0, 256)}
	for _, text := range []string{
		benchTexts[0].text, benchTexts[3].text, benchTexts[6].text,
		`PREPARE "a""b" AS SELECT 1; EXECUTE Plan; DEALLOCATE ALL; SELECT pg_advisory_lock(1)`,
		benchTexts[7].text, `SET SESSION AUTHORIZATION bob; SELECT set_config('Work_Mem', $1, false); RESET ALL`,
	} {
		text := []byte(text)
		if n := testing.AllocsPerRun(100, func() { Scan(text, &st) }); n != 0 {
			t.Errorf("%q: %v allocations", text, n)
		}
	}
}
