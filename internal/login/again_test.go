package login

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/scram"
)

// changing is Credentials of one user whose password is changed between Lookup and Again.
type changing struct {
	before, after Secret
	asked         int
}

func (c *changing) Lookup(context.Context, Identity) (Secret, bool, error) {
	return c.before, true, nil
}

func (c *changing) Again(context.Context, Identity, Secret) (Secret, bool) {
	c.asked++
	return c.after, true
}

// What the client has sent is held against the new secret at once, if it can be.
func TestANewerSecretIsTriedWithoutAskingTheClientAgain(t *testing.T) {
	verifier := func(text string) Secret { return password(t, verifierOf(text, "salt of "+text)) }
	past := password(t, "new")
	past.validUntil = time.Now().Add(-time.Hour)
	extended := password(t, "new")
	extended.validUntil = time.Now().Add(time.Hour)
	for _, test := range []struct {
		name          string
		method        Method
		before, after Secret
		cause         string // empty: let in
	}{
		{"plain to plain", Plain, password(t, "old"), password(t, "new"), ""},
		{"plain to verifier", Plain, verifier("old"), verifier("new"), ""},
		{"plain, expired meanwhile", Plain, password(t, "old"), past, "password expired"},
		{"plain, no longer expired", Plain, past, extended, ""},
		{"plain, still wrong", Plain, password(t, "old"), password(t, "other"), "the password is wrong"},
		{"plain, password taken away", Plain, password(t, "old"), Secret{}, "has no password"},
		{"md5 to md5", MD5, password(t, md5Hex("oldu")), password(t, md5Hex("newu")), ""},
		{"md5 to plain", MD5, password(t, "old"), password(t, "new"), ""},
		{"md5 to verifier", MD5, password(t, "old"), verifier("new"), "the password is wrong"},
		{"SCRAM", ScramSHA256, verifier("old"), verifier("new"), "the password is wrong"},
		{"SCRAM, expired", ScramSHA256, past, extended, "password expired"},
	} {
		c := &changing{before: test.before, after: test.after}
		state, cause := logInTo(t, test.method, c, "d", "u", "new")
		if (state == "") != (test.cause == "") || !strings.Contains(cause, test.cause) || c.asked != 1 {
			t.Errorf("%s: %s %s after %d more questions", test.name, state, cause, c.asked)
		}
	}
}

// A right password that has expired gets what a wrong one gets: not even the proof that we know it.
func TestAnExpiredPasswordLooksWrong(t *testing.T) {
	expired := password(t, "secret")
	expired.validUntil = time.Now().Add(-time.Second)
	users := Users{"expired": expired, "other": password(t, "something else")}
	for _, user := range []string{"expired", "other"} {
		address, _ := accepting(t, generous, Auth{Method: ScramSHA256, Credentials: users})
		conn := connect(t, "tcp", address)
		r := newReader(conn, nil)
		client := scram.NewClient(func(salt []byte, n int) (scram.Keys, error) { return process.derive("secret", salt, n), nil }, newNonce())
		first, _ := client.Step(nil)
		conn.Write(append(startup("user", user), raw2(&pgproto3.SASLInitialResponse{AuthMechanism: scram.Mechanism, Data: first})...))
		r.message(1000)
		_, message, err := r.message(1000)
		if err != nil {
			t.Fatal(err)
		}
		final, err := client.Step(message[headerBytes+4:])
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(raw2(&pgproto3.SASLResponse{Data: final}))
		if said := replies(t, conn); said != `FATAL 28P01 password authentication failed for user "`+user+`"; end` {
			t.Errorf("%s is told %s", user, said)
		}
	}
}

// Nobody behind the one that has answered is asked in its place.
func TestChainAsksOnlyWhoHasAnsweredAgain(t *testing.T) {
	behind := &changing{before: password(t, "theirs"), after: password(t, "new")}
	chain := Chain{Users{"u": password(t, "mine")}, behind}
	if _, ok := chain.Again(t.Context(), Identity{User: "u"}, password(t, "mine")); ok || behind.asked != 0 {
		t.Error("the one behind answers in its place")
	}
	if s, ok := chain.Again(t.Context(), Identity{User: "v"}, password(t, "theirs")); !ok || s.text != "new" || behind.asked != 1 {
		t.Error("the one that has answered is not asked")
	}
	if _, ok := (Chain{}).Again(t.Context(), Identity{User: "v"}, Secret{}); ok {
		t.Error("nobody answers")
	}
}
