package login

import (
	"context"
	"errors"
	"testing"
)

// failing does not know.
type failing struct{ err error }

func (f failing) Lookup(context.Context, Identity) (Secret, bool, error) {
	return Secret{}, false, f.err
}
func (f failing) Again(context.Context, Identity, Secret) (Secret, bool) { return Secret{}, false }

// A method that asks for no secret may still want to know the user.
func TestTrustMayBeForKnownUsersOnly(t *testing.T) {
	broken := errors.New("Postgres is away")
	for name, test := range map[string]struct {
		auth Auth
		want string // SQLSTATE; empty: let in
	}{
		"anybody":            {Auth{Method: Trust, Credentials: Users{}}, ""},
		"a known user":       {Auth{Method: Trust, KnownUsers: true, Credentials: Chain{Users{}, Users{"u": password(t, "x")}}}, ""},
		"one with no secret": {Auth{Method: Trust, KnownUsers: true, Credentials: Users{"u": Secret{}}}, ""},
		"an unknown user":    {Auth{Method: Trust, KnownUsers: true, Credentials: Users{"other": password(t, "x")}}, "28000"},
		"who knows":          {Auth{Method: Trust, KnownUsers: true, Credentials: failing{broken}}, "08006"},
	} {
		t.Run(name, func(t *testing.T) {
			address, results := accepting(t, generous, test.auth)
			connect(t, "tcp", address).Write(startup("user", "u"))
			a := result(t, results)
			var refused *Refusal
			if errors.As(a.err, &refused) != (test.want != "") || refused != nil && refused.SQLState != test.want {
				t.Errorf("got %v, want %q", a.err, test.want)
			}
		})
	}
}
