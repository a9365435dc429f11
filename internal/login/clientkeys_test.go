package login

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/scram"
)

// forgetKeys begins a test without any ClientKey.
func forgetKeys(t testing.TB) {
	before := shown
	shown = newClientKeys()
	t.Cleanup(func() { shown = before })
}

// A client's own SCRAM login is what logs in to the server, where all we know is the verifier.
func TestClientKeyLogsInWhereOnlyTheVerifierIsKnown(t *testing.T) {
	for _, version := range pgtest.Versions() {
		s := authPostgres(t, version)
		for _, method := range []Method{ScramSHA256, MD5, Plain} {
			t.Run(fmt.Sprintf("Postgres %d/%s", version, method), func(t *testing.T) {
				forgetKeys(t)
				q, _ := authQuery(t, s, "", func(c *AuthQueryConfig) { c.TTL = time.Hour })
				secret, _, err := q.Lookup(t.Context(), Identity{"alice", "app"})
				if err != nil {
					t.Fatal(err)
				}
				dial := func(secret Secret) error {
					server, err := Dial(withTimeout(t, generous), Target{Address: s.Addr(), User: "alice", Database: "app", Secret: secret})
					if err == nil {
						err = closeFD(server.FD)
					}
					return err
				}
				mustFail := func(err error, why string) {
					t.Helper()
					if err == nil || !IsPermanent(err) || !strings.Contains(err.Error(), why) {
						t.Fatalf("%v, want %q", err, why)
					}
				}
				mustFail(dial(secret), "no client has shown us the key yet")
				logInTo(t, method, q, "app", "alice", "wrong")
				mustFail(dial(secret), "no client has shown us the key yet")
				if state, cause := logInTo(t, method, q, "app", "alice", "secret of alice"); state != "" {
					t.Fatal(state, cause)
				}
				before := process.derivations.Load()
				for range 3 {
					if err := dial(secret); err != nil {
						t.Fatal(err)
					}
				}
				if n := process.derivations.Load() - before; n != 0 {
					t.Errorf("%d derivations", n)
				}
				// The same password again, and it is another verifier: the key is for the old one.
				run(t, s, "app", "ALTER ROLE alice PASSWORD 'secret of alice'")
				mustFail(dial(secret), "give it the same rolpassword")
			})
		}
	}
}

// Keys that are of no use are not kept: a password says more, and another user's verifier has another StoredKey.
func TestClientKeysAreOfVerifiersOnly(t *testing.T) {
	forgetKeys(t)
	users := someUsers(t)
	for _, method := range []Method{ScramSHA256, MD5, Plain} {
		for _, user := range []string{"text", "hash"} {
			logInTo(t, method, users, "d", user, "secret")
		}
		logInTo(t, method, users, "d", "verifier", "wrong")
	}
	if n := len(shown.keys.entries); n != 0 {
		t.Errorf("%d keys are kept", n)
	}
}

// A server that proves nothing gets no further than one that does not know the password.
func TestClientKeyDoesNotTrustAnImpostor(t *testing.T) {
	forgetKeys(t)
	real := password(t, verifierOf("secret", "one salt"))
	impostor := real
	impostor.verifier.ServerKey = scram.Key{}
	if state, cause := logInTo(t, ScramSHA256, Users{"u": real}, "d", "u", "secret"); state != "" {
		t.Fatal(state, cause)
	}
	address, _ := accepting(t, generous, Auth{Method: ScramSHA256, Credentials: Users{"u": impostor}})
	_, err := Dial(withTimeout(t, generous), Target{Address: address, User: "u", Database: "d", Secret: real})
	if err == nil || !strings.Contains(err.Error(), "not the server it claims to be") {
		t.Fatal(err)
	}
}

func TestClientKeysAreBounded(t *testing.T) {
	c := newClientKeys()
	key := func(i int) (k scram.Key) {
		k[0], k[1], k[2] = byte(i), byte(i>>8), byte(i>>16)
		return k
	}
	for i := range maxClientKeys + 1 {
		c.remember(key(i), key(i))
	}
	if _, ok := c.find(key(0)); ok || len(c.keys.entries) != maxClientKeys {
		t.Errorf("%d keys; the oldest: %v", len(c.keys.entries), ok)
	}
	for _, i := range []int{1, maxClientKeys} {
		if k, ok := c.find(key(i)); !ok || k != key(i) {
			t.Errorf("key %d: %v", i, ok)
		}
	}
}
