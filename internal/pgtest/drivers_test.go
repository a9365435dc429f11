package pgtest

import (
	"context"
	"strings"
	"testing"
)

func TestADriverThatIsMissingSaysHowItComes(t *testing.T) {
	d := Driver{Name: "nosuch", find: once(func(ctx context.Context) (Runner, error) { return python(ctx, "nosuch_module") })}
	_, err := d.Find()
	if err == nil {
		t.Fatal("found what there is not")
	}
	for _, word := range []string{"no nosuch on this machine", "make test-deps", "python3"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}
