package login

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/scram"
)

func closeFD(fd int) error { return unix.Close(fd) }

func TestParseSecret(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "(no password)",
		"secret":                              "(a password)",
		"md5":                                 "(a password)",
		"md5" + strings.Repeat("0", 31):       "(a password)",
		"md5" + strings.Repeat("A", 32):       "(a password)", // Postgres writes lower case, and takes only that
		"md5" + strings.Repeat("0a", 16):      "(an md5 hash)",
		verifierOf("x", "y"):                  "(a SCRAM verifier)",
		"scram-sha-256$4096:AAAA$AAAA:AAAA":   "(a password)",
		"SCRAM-SHA-256$4096:AAAA$AAAA:AAAA":   "error",
		"SCRAM-SHA-256$4096:AAAA$very:secret": "error",
	} {
		s, err := ParseSecret(text)
		got := fmt.Sprintf("%v", s)
		if err != nil {
			got = "error"
			if strings.Contains(err.Error(), "very") || !strings.Contains(err.Error(), "pg_authid") {
				t.Errorf("%v", err)
			}
		}
		if got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
		if shown := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); len(text) > 5 && strings.Contains(shown, text) {
			t.Errorf("a secret shows: %s", shown)
		}
	}
}

func TestParseMethod(t *testing.T) {
	for _, m := range []Method{ScramSHA256, MD5, Plain, Trust} {
		if got, err := ParseMethod(m.String()); got != m || err != nil {
			t.Errorf("%s: %v, %v", m, got, err)
		}
	}
	if _, err := ParseMethod("password"); err == nil || !strings.Contains(err.Error(), "scram-sha-256, md5, plain, trust") {
		t.Error(err)
	}
}

func TestUsersCheck(t *testing.T) {
	u := Users{"a": {}, "z": password(t, "x")}
	for i := range 9 {
		u[fmt.Sprint("m", i)] = password(t, "md5"+strings.Repeat("0", 32))
	}
	err := u.Check(ScramSHA256)
	if err == nil || !strings.Contains(err.Error(), `user "a" has no password`) || !strings.Contains(err.Error(), "and 5 more users") {
		t.Error(err)
	}
	if err := u.Check(Trust); err != nil {
		t.Error(err)
	}
}

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

func TestParseUsers(t *testing.T) {
	verifier := verifierOf("x", "y")
	users, err := parseUsers("\n; a comment\n\"alice\" \"secret\"\r\n" +
		"  \"bob\"\t\"" + verifier + "\" \"ignored\" and this\n" +
		"\"a \"\"quoted\"\" name\" \"pass\"\"word\"\n" +
		"\"empty\" \"\"\n\"alice\"\"later\"\n\"tight\"\"x\"")
	if err == nil {
		t.Fatalf("a doubled quote is no end: %v", users)
	}
	users, err = parseUsers("\n; a comment\n\"alice\" \"secret\"\r\n" +
		"  \"bob\"\t\"" + verifier + "\" \"ignored\" and this\n" +
		"\"a \"\"quoted\"\" name\" \"pass\"\"word\"\n" +
		"\"empty\" \"\"\n\"alice\" \"later\"\n\"last\" \"no newline\"")
	want := Users{
		"alice": password(t, "later"), "bob": password(t, verifier), `a "quoted" name`: password(t, `pass"word`),
		"empty": {}, "last": password(t, "no newline"),
	}
	if err != nil || !reflect.DeepEqual(users, want) {
		t.Fatalf("%v, %v", users, err)
	}
}

func TestParseUsersErrorsNameTheLineAndTheCure(t *testing.T) {
	for text, want := range map[string]string{
		"\n\nalice secret":                   `line 3: expected the user name in double quotes`,
		"# comment":                          `comments after ;`,
		`"alice" secret`:                     `line 1: expected the secret in double quotes`,
		`"alice"`:                            `line 1: expected the secret`,
		`"alice`:                             `line 1: the quote around the user name is not closed`,
		`"alice" "x`:                         `line 1: the quote around the secret is not closed`,
		"\"a\nb\" \"x\"":                     `line 1: the quote around the user name is not closed`,
		`"" "x"`:                             `line 1: the user name is empty`,
		`"a" "SCRAM-SHA-256$1:x"`:            `line 1: user "a": SCRAM verifier`,
		`"` + strings.Repeat("u", 128) + `"`: `longer than 127`,
		`"a" "` + strings.Repeat("p", 2048) + `"`: `longer than 2047`,
	} {
		if _, err := parseUsers(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestUsersFileFollowsChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userlist.txt")
	if _, err := OpenUsersFile(path, nil); err == nil || !strings.Contains(err.Error(), "reading users file") {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var told []error
	write(`"a" "1"`)
	f, err := OpenUsersFile(path, func(err error) { told = append(told, err) })
	if err != nil {
		t.Fatal(err)
	}
	look := func(user string) string {
		f.mu.Lock()
		f.checked = time.Time{} // a second has passed
		f.mu.Unlock()
		s, ok := f.Lookup(user)
		return fmt.Sprint(s.text, ok)
	}
	if got := look("a"); got != "1true" {
		t.Fatal(got)
	}
	write(`"a" "22"`)
	if got := look("a"); got != "22true" {
		t.Fatalf("a changed file is not read: %s", got)
	}
	write(`"a" "333`)
	if look("a"); look("a") != "22true" || len(told) != 1 || !strings.Contains(told[0].Error(), "line 1") {
		t.Fatalf("a broken file: told %v", told)
	}
	os.Remove(path)
	if look("a") != "22true" || len(told) != 2 {
		t.Fatalf("a missing file: told %v", told)
	}
	write(`"b" "4"`)
	if look("a") != "false" || look("b") != "4true" {
		t.Fatal("a file that is there again is not read")
	}
}

func TestKeyCacheIsBounded(t *testing.T) {
	c := newKeyCache()
	for i := range maxCachedKeys + 10 {
		c.entry(keyIndex{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	if len(c.entries) != maxCachedKeys || len(c.order) != maxCachedKeys {
		t.Fatalf("%d entries", len(c.entries))
	}
	if c.entries[keyIndex{0}] != nil || c.entries[keyIndex{10}] == nil {
		t.Fatal("it was not the oldest that was forgotten")
	}
}

func TestOptions(t *testing.T) {
	for options, want := range map[string][]Setting{
		"":                        nil,
		"  \t\n":                  nil,
		"-c a=1":                  {{"a", "1"}},
		"-ca=1":                   {{"a", "1"}},
		"-c\ta=1 -c b=2":          {{"a", "1"}, {"b", "2"}},
		"--a=1":                   {{"a", "1"}},
		"--search-path=x,y":       {{"search_path", "x,y"}},
		"-c search-path=x-y":      {{"search_path", "x-y"}},
		"-c a=":                   {{"a", ""}},
		"-c a=b=c":                {{"a", "b=c"}},
		`-c a=b\ c`:               {{"a", "b c"}},
		`-c a=b\\c`:               {{"a", `b\c`}},
		`-c a=\\\ `:               {{"a", `\ `}},
		`-c a=b\`:                 {{"a", "b"}},
		`-c\ a=1`:                 {{" a", "1"}},
		`-c a=\b`:                 {{"a", "b"}},
		"-c my.setting='x'":       {{"my.setting", "'x'"}},
		"-c a=1\v--b=2\f--c=3\r ": {{"a", "1"}, {"b", "2"}, {"c", "3"}},
	} {
		got, refusal := parseOptions(options)
		if refusal != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v", options, got, refusal)
		}
	}
	for options, want := range map[string]string{
		"a=1": "42601", "-": "42601", "--": "42601", "-c": "42601", "-c a": "42601", "--a": "42601", "-c =1": "42704", "--=1": "42704",
		"-F": "0A000", "-S 1024": "0A000", "-e": "0A000", `\ `: "42601", "-c a=1 x": "42601",
	} {
		if _, refusal := parseOptions(options); refusal == nil || refusal.SQLState != want {
			t.Errorf("%q: %v, want %s", options, refusal, want)
		}
	}
}
