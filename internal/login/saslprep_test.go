package login

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/scram"
)

// Passwords are prepared as Postgres prepares them: the same keys come of them. Postgres runs on all kinds of
// strings and says.
func TestPrepareAgreesWithPostgres(t *testing.T) {
	p := needPostgres(t)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	passwords := []string{
		"ascii", "\x01\x7f", "I\u00adX", "user", "\u00aa", "\u2168", "\u0007", "\u0627\u0031", "\u0627", "\u0627\u0031\u0628",
		"\u06271\u0628a", "a\u0627", "\u200b", "\u00ad", "a\u200bb", "a\u200db", "\u1680x", "\u3000", "ﬁ", "e\u0301", "\u212b",
		"\u0340", "\u2028", "\ue000", "\ufdd0", "\ufffd", "\U000e0001", "\U0002f868", "\u0221", "\u20ac", "\U0001f600", "Ａ", "한", "\u1100\u1161",
		"\ufb1d", "\u05d0x\u05d0", "\u05d0 \u05d0", "x\u034fy", "\ufe0f", "\u3385", "\ufdfa", "\u2126", "\u0344", "\u0958",
	}
	interesting := []rune("a1 \u00a0\u00ad\u0627\u0628\u05d0\u0301\u0327\u2168\ufb01\u200b\u200d\u3000\u0221\ue000\u212b\u1100\u1161\u06dd\u2028")
	for range 300 {
		var b strings.Builder
		for range 1 + random.IntN(6) {
			if random.IntN(2) == 0 {
				b.WriteRune(interesting[random.IntN(len(interesting))])
			} else if r := rune(random.IntN(0x3100)); r != 0 {
				b.WriteRune(r)
			}
		}
		passwords = append(passwords, b.String())
	}
	p.exec(t, `DROP ROLE IF EXISTS prepared; CREATE ROLE prepared`)
	for _, text := range passwords {
		quoted := ""
		for _, r := range text {
			quoted += fmt.Sprintf(`\+%06X`, r)
		}
		if quoted == "" {
			continue
		}
		stored := p.exec(t, `ALTER ROLE prepared PASSWORD U&'`+quoted+`'; SELECT rolpassword FROM pg_authid WHERE rolname = 'prepared'`)
		v, err := scram.ParseVerifier(stored)
		if err != nil {
			if stored == "" { // Postgres takes what SASLprep empties for no password
				continue
			}
			t.Fatalf("seed %d: %q: %v", seed, text, err)
		}
		if got := scram.Derive(prepare(text), v.Salt, v.Iterations).Verifier(v.Salt, v.Iterations); got.Text() != stored {
			t.Errorf("seed %d: %+q is prepared as %+q, and Postgres does otherwise", seed, text, prepare(text))
		}
	}
}

func TestPrepareKeepsWhatIsNotUTF8(t *testing.T) {
	for _, text := range []string{"\xff", "a\xc3", "\xed\xa0\x80"} {
		if got := prepare(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
