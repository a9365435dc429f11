package login

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A login costs no PBKDF2 where the key is known: whatever is known of the user, and by every method.
func TestLoginsDeriveNothingWhereTheKeyIsKnown(t *testing.T) {
	users := someUsers(t)
	users.Warm()
	for _, method := range []Method{ScramSHA256, MD5, Plain} {
		for _, user := range []string{"text", "unicode", "verifier", "hash"} {
			if users[user].Supports(method) != nil {
				continue
			}
			secret := "secret"
			if user == "unicode" {
				secret = users[user].text
			}
			one := func() (derivations int64) {
				t.Helper()
				before := process.derivations.Load()
				if state, cause := logInTo(t, method, users, "d", user, secret); state != "" {
					t.Fatalf("%s by %s: %s %s", user, method, state, cause)
				}
				return process.derivations.Load() - before
			}
			first := one()
			for range 3 {
				if n := one(); n != 0 {
					t.Errorf("%s by %s: %d derivations, after %d the first time", user, method, n, first)
				}
			}
		}
	}
}

// With the auth query too, a user that does not exist cannot be told from a wrong password: not by the messages, not by
// the work, and not by what Postgres is asked; at first, while the answer is remembered, and when it is asked again.
func TestAuthQueryTellsNobodyWhoExists(t *testing.T) {
	s := authPostgres(t, 0)
	run(t, s, "app", "CREATE ROLE legacy LOGIN PASSWORD 'md5"+md5Hex("secret of legacylegacy")[3:]+"'",
		"CREATE ROLE expired LOGIN PASSWORD 'x' VALID UNTIL '2001-01-01'", "CREATE ROLE nopass LOGIN")
	ages := []time.Duration{0, -time.Minute, time.Minute + 2*againAfter}
	for _, method := range []Method{ScramSHA256, Plain} {
		q, _ := authQuery(t, s, queryOfShadow, func(c *AuthQueryConfig) { c.TTL, c.Database = time.Hour, "app" })
		if _, _, err := q.Lookup(t.Context(), Identity{User: "pooler"}); err != nil { // the connection is there
			t.Fatal(err)
		}
		asked := 0
		ask := q.answers.ask
		q.answers.ask = func(ctx context.Context, who Identity) (answer, error) { asked++; return ask(ctx, who) }
		seen := map[string]string{}
		users := []string{"alice", "stranger", "legacy", "expired", "nopass"}
		address, results := accepting(t, generous, Auth{Method: method, Credentials: q})
		for _, user := range users {
			for _, age := range ages {
				if age != 0 { // and the clock stands still in between, however long it takes
					answerAges(t, q, user, age)
				}
				questions, derivations := asked, process.derivations.Load()
				transcript := wrongPassword(t, address, user, method)
				seen[user] += fmt.Sprintf("%d questions, %d derivations: %s\n", asked-questions,
					process.derivations.Load()-derivations, strings.ReplaceAll(transcript, user, "USER"))
			}
		}
		for range len(users) * len(ages) {
			result(t, results)
		}
		for _, user := range users {
			if seen[user] != seen["stranger"] {
				t.Errorf("%s: %s is\n%sand a stranger\n%s", method, user, seen[user], seen["stranger"])
			}
		}
		if !strings.HasPrefix(seen["stranger"], "1 questions") || strings.Count(seen["stranger"], "1 questions") != 2 {
			t.Errorf("%s asks\n%s", method, seen["stranger"])
		}
	}
}
