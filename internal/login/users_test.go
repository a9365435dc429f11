package login

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

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
		s, ok, _ := f.Lookup(t.Context(), Identity{User: user})
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
