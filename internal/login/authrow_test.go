package login

import (
	"strings"
	"testing"
	"time"
)

// What is remembered ends at the moment that the role's VALID UNTIL names, by the server's clock.
func TestExpiryIsByTheServersClock(t *testing.T) {
	ours := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for ahead, name := range map[time.Duration]string{0: "as ours", time.Hour: "ahead", -time.Hour: "behind"} {
		row := authRow{
			found: true, columns: [][]byte{[]byte("alice"), []byte("x")}, until: []byte("2026-01-01 18:00:00.5+00"),
			asked: ours, now: ours.Add(ahead),
		}
		a, err := row.answer("alice")
		if err != nil {
			t.Fatal(err)
		}
		end := ours.Add(6*time.Hour + time.Second/2 - ahead) // as our clock shows it then
		if a.secret.unexpired(end) != nil || a.secret.unexpired(end.Add(time.Microsecond)) == nil {
			t.Errorf("a server whose clock is %s", name)
		}
	}
}

func TestAuthRows(t *testing.T) {
	row := func(columns ...any) authRow {
		r := authRow{found: true}
		for _, c := range columns {
			var value []byte
			if text, ok := c.(string); ok {
				value = []byte(text)
			}
			r.columns = append(r.columns, value)
		}
		return r
	}
	md5 := "md5" + strings.Repeat("0", 32)
	for name, test := range map[string]struct {
		row   authRow
		want  string
		known bool
		err   string
	}{
		"none":                 {authRow{}, "no password", false, ""},
		"NULLs":                {row(nil, nil), "no password", false, ""},
		"no password":          {row("u", nil), "no password", true, ""},
		"empty password":       {row("u", ""), "no password", true, ""},
		"text":                 {row("u", "x"), "a password", true, ""},
		"md5":                  {row("u", md5), "an md5 hash", true, ""},
		"verifier":             {row("u", verifierOf("x", "y")), "a SCRAM verifier", true, ""},
		"broken verifier":      {row("u", "SCRAM-SHA-256$x"), "no password", true, "copy it whole"},
		"third column":         {row("u", "x", "2030-01-01 00:00:00+00"), "a password", true, ""},
		"third is no time":     {row("u", "x", "tomorrow"), "no password", true, "return a timestamptz"},
		"somebody else":        {row("v", "x"), "no password", false, "return the user first"},
		"the same in capitals": {row("U", "x"), "no password", false, "compare names"},
	} {
		a, err := test.row.answer("u")
		if a.secret.String() != "("+test.want+")" || a.known != test.known || (err == nil) != (test.err == "") ||
			err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v, %v, %v", name, a.secret, a.known, err)
		}
	}
}

func TestTimestampsAsPostgresWritesThem(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "never",
		"infinity":                      "never",
		"12999-01-01 00:00:00+00":       "never",
		"-infinity":                     "1970-01-01T00:00:00Z",
		"0044-03-15 00:00:00+00 BC":     "1970-01-01T00:00:00Z",
		"2026-11-21 19:32:49+00":        "2026-11-21T19:32:49Z",
		"2026-11-21 19:32:49.5+00":      "2026-11-21T19:32:49.5Z",
		"2026-11-21 19:32:49.000001+00": "2026-11-21T19:32:49.000001Z",
		"2026-11-21 19:32:49+05:45":     "2026-11-21T13:47:49Z",
		"2026-11-21 19:32:49":           "2026-11-21T19:32:49Z",
		"2026-11-21":                    "2026-11-21T00:00:00Z",
		"tomorrow":                      "error",
		"-":                             "error",
		"21/11/2026 19:32:49 UTC":       "error",
		"1795289569":                    "error",
	} {
		got := "never"
		if at, err := parseTimestamp(text); err != nil {
			got = "error"
		} else if !at.IsZero() {
			got = at.UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
