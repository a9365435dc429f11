package adapters

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// value is what a setting is: as it is written, or PgBouncer's default.
type value struct {
	name, text string
	at         position
	written    bool
}

func (v value) errorf(format string, args ...any) error {
	return v.at.errorf("%s: %w", v.name, fmt.Errorf(format, args...))
}

// number is a whole number, in any notation of C.
func (v value) number() (int, error) {
	n, err := strconv.ParseInt(v.text, 0, 32)
	if err != nil {
		return 0, v.errorf("is %q, but must be a whole number", v.text)
	}
	return int(n), nil
}

// count is a number that is not negative.
func (v value) count() (*int, error) {
	n, err := v.number()
	if err == nil && n < 0 {
		err = v.errorf("is %d, but must not be negative", n)
	}
	return &n, err
}

// flag is 0 or 1.
func (v value) flag() (bool, error) {
	n, err := v.number()
	return n != 0, err
}

// maxSeconds is a hundred years, and fits a time.Duration.
const maxSeconds = 100 * 365 * 24 * 3600

// seconds is a time, whose fractions count.
func (v value) seconds() (*caddy.Duration, error) {
	f, err := strconv.ParseFloat(v.text, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > maxSeconds {
		return nil, v.errorf("is %q, but must be a number of seconds, from 0", v.text)
	}
	return since(time.Duration(f * float64(time.Second)).Round(time.Microsecond)), nil
}

func since(d time.Duration) *caddy.Duration { return (*caddy.Duration)(&d) }

// word is one of these, in any case.
func (v value) word(words ...string) (string, error) {
	if word := strings.ToLower(v.text); slices.Contains(words, word) {
		return word, nil
	}
	return "", v.errorf("is %q, but must be one of %s", v.text, strings.Join(words, ", "))
}

// list is names with commas between them.
func (v value) list() (names []string) {
	for name := range strings.SplitSeq(v.text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// escaped is a text that Caddy's replacer leaves as it is: it takes the backslash off either brace.
func escaped(text string) string { return escapes.Replace(text) }

var escapes = strings.NewReplacer("{", `\{`, "}", `\}`)
