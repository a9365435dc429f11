package session

import (
	"math"
	"strings"
	"testing"
)

// A token says what it was made of, and nothing else is one.
func TestTokens(t *testing.T) {
	for _, test := range []struct{ process, mark uint64 }{{0, 0}, {7, 1}, {math.MaxUint64, math.MaxInt64}, {0xabcdef, 42}} {
		token := string(AppendToken(nil, test.process, test.mark))
		process, mark, ok := ParseToken(token)
		if !ok || process != test.process || mark != test.mark {
			t.Errorf("%+v is %s, and that is %d %d %v", test, token, process, mark, ok)
		}
	}
	for _, bad := range []string{"", "1", "1:7:7", "1:0000000000000007:", "1:0000000000000007", "2:0000000000000007:7", "1:000000000000000A:7",
		"1:0000000000000007:-7", "1:0000000000000007:7 ", "1:0000000000000007:" + strings.Repeat("9", 20)} {
		if _, _, ok := ParseToken(bad); ok {
			t.Errorf("%q is taken for a token", bad)
		}
	}
}
