package adapters

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shown is what a file says, a line for each.
func shown(entries []entry) string {
	var b strings.Builder
	for _, e := range entries {
		if e.begins {
			fmt.Fprintf(&b, "%d [%s]\n", e.at.line, e.section)
		} else {
			fmt.Fprintf(&b, "%d %s: %q = %q\n", e.at.line, e.section, e.key, e.value)
		}
	}
	return b.String()
}

func TestTheSyntaxOfTheFile(t *testing.T) {
	entries, err := readINI("x.ini", []byte("; a comment\r\n# another\n\n  [databases]\r\nplain.db-1 =  host=a ; no comment \r\n\"with \"\" and =\" = host=b\n* = \n"+
		"[users][pgbouncer] listen_port = 7 ] x\nempty=\n[peers] ; nothing\n\tindented\t=\t1\t\n"))
	if err != nil {
		t.Fatal(err)
	}
	const want = `4 [databases]
5 databases: "plain.db-1" = "host=a ; no comment"
6 databases: "with \" and =" = "host=b"
7 databases: "*" = ""
8 [users]
8 [pgbouncer]
8 pgbouncer: "listen_port" = "7 ] x"
9 pgbouncer: "empty" = ""
10 [peers]
11 peers: "indented" = "1"
`
	if got := shown(entries); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestWhatIsNoSyntax(t *testing.T) {
	for text, want := range map[string]string{
		"[a\n":             "x.ini:1: the section has no ] at its end",
		"[a] whatever\n":   `x.ini:1: there is no = behind "whatever"`,
		"[a]\n\"\" = 1\n":  "x.ini:2: the name in quotes is empty",
		"[a]\n\"\" =\n":    "x.ini:2: the name in quotes is empty",
		"[a][b\n":          "x.ini:1: the section has no ] at its end",
		"\nkey = 1\n":      "x.ini:2: key stands before any section",
		"[a]\nkey\n":       `x.ini:2: there is no = behind "key"`,
		"[a]\n?key = 1\n":  `x.ini:2: the line begins with "?"`,
		"[a]\n\"key = 1\n": "x.ini:2: the quote around the name is not closed",
		"[a]\n%load x\n":   "x.ini:2: %load is no directive",
		"%include\n":       "x.ini:1: %include is no directive",
		"%include nofile":  "x.ini:1: including: stat nofile: no such file",
	} {
		if _, err := readINI("x.ini", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

// A section that begins in an included file goes on behind it, as in PgBouncer; a file that includes itself comes to an end.
func TestIncludedFiles(t *testing.T) {
	dir := t.TempDir()
	inner, endless := filepath.Join(dir, "inner"), filepath.Join(dir, "endless")
	for path, text := range map[string]string{inner: "b = 2\n[two]\nc = 3\n", endless: "%include " + endless + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := readINI("x.ini", []byte("[one]\na = 1\n%include "+inner+"\nd = 4\n"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "1 [one]\n2 one: \"a\" = \"1\"\n1 one: \"b\" = \"2\"\n2 [two]\n3 two: \"c\" = \"3\"\n4 two: \"d\" = \"4\"\n"
	if got := shown(entries); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if entries[2].at.file != inner || entries[5].at.file != "x.ini" {
		t.Errorf("files %s and %s", entries[2].at.file, entries[5].at.file)
	}
	if _, err := readINI("x.ini", []byte("%include "+endless)); err == nil || !strings.Contains(err.Error(), "more than 10 deep") {
		t.Errorf("a file that includes itself: %v", err)
	}
}

func TestConnectionStrings(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "[]",
		" host=a  port = 5 ":           "[{host a} {port 5}]",
		"a='x y' b='it''s' c=d'e":      "[{a x y} {b it's} {c d'e}]",
		"q='a=b ''c'' \\'d=1":          `[{q a=b 'c' \} {d 1}]`, // there is no backslash, and no space is needed
		"host=a b":                     `error: "b" is no key=value`,
		"host a=b":                     `error: "host" is no key=value`,
		"=a":                           `error: "=a" is no key=value`,
		"host= port=1 user=''":         "error: user has no value",
		"host='a":                      "error: host: the quote is not closed",
		"host=":                        "error: host has no value",
		"connect_query='SELECT ''x'''": "[{connect_query SELECT 'x'}]",
	} {
		pairs, err := parsePairs(text)
		got := fmt.Sprint(pairs)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want && !(err != nil && strings.HasPrefix(got, want)) {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
}
