package login

import (
	"errors"
	"strings"
	"time"
)

// authRow is what Postgres has said of a user: the query's first row, and beside it what the catalog has on the role.
type authRow struct {
	found   bool
	columns [][]byte // 2 or 3; nil is NULL
	until   []byte   // rolvaliduntil of the role of that name
	now     time.Time
	asked   time.Time // the same moment by our clock, or a little before
}

// answer makes of the row what logins want to know. An error is about this user only, who then has no secret; it shows
// nothing of the row, as columns may have been confused.
func (r authRow) answer(user string) (answer, error) {
	if !r.found || r.columns[0] == nil { // of functions that return one record come NULLs where there is none
		return answer{}, nil
	}
	if string(r.columns[0]) != user {
		return answer{}, errors.New("the auth query returns a row whose first column is not this user's name: " +
			"compare names with =, and return the user first")
	}
	secret, err := ParseSecret(string(r.columns[1]))
	if err != nil {
		return answer{known: true}, err
	}
	until := r.until
	if len(r.columns) > 2 {
		until = r.columns[2]
	}
	if secret.validUntil, err = parseTimestamp(string(until)); err != nil {
		return answer{known: true}, err
	}
	secret.ahead = r.now.Sub(r.asked)
	return answer{secret, true}, nil
}

// timestampLayouts is how Postgres writes a timestamptz, a timestamp and a date with DateStyle ISO and TimeZone UTC, and
// a timestamptz of a function with a time zone of its own.
var timestampLayouts = []string{
	"2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05.999999", time.DateOnly, "2006-01-02 15:04:05.999999-07:00",
}

// longAgo is before every password was made.
var longAgo = time.Unix(0, 0).UTC()

// parseTimestamp reads a timestamp as text. The zero time is never: infinity, NULL, and years that Go cannot write.
func parseTimestamp(text string) (time.Time, error) {
	switch {
	case text == "", text == "infinity":
		return time.Time{}, nil
	case text == "-infinity", strings.HasSuffix(text, " BC"):
		return longAgo, nil
	case strings.IndexByte(text, '-') > 4 && strings.Trim(text[:strings.IndexByte(text, '-')], "0123456789") == "":
		return time.Time{}, nil // a year beyond 9999
	}
	for _, layout := range timestampLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("the auth query's third column is not until when the password is valid: " +
		"return a timestamptz such as rolvaliduntil, or leave it out")
}
