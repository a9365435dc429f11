package wire

import (
	"encoding/base64"
	"strings"
	"testing"
)

// The example of RFC 7677, section 3.
const (
	rfcNonce       = "rOprNGfwEbeRWgbNEkqO"
	rfcBare        = "n=user,r=" + rfcNonce // it names its user, which clients of Postgres do not
	rfcServerFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	rfcClientFinal = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	rfcServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
)

func rfcKeys(t *testing.T) *Keys {
	t.Helper()
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewKeys("pencil", salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestScramSpeaksTheRFCExample(t *testing.T) {
	s := scram{keys: rfcKeys(t), bare: rfcBare, nonce: rfcNonce}
	if got, err := s.final([]byte(rfcServerFirst)); string(got) != rfcClientFinal || err != nil {
		t.Fatalf("client-final: %q, %v", got, err)
	}
	if err := s.check([]byte(rfcServerFinal)); err != nil {
		t.Fatal(err)
	}
	if s.check([]byte(rfcClientFinal)) == nil {
		t.Fatal("what is no signature is taken for one")
	}
}

func TestEntranceAnswersOrSaysWhyNot(t *testing.T) {
	auth := func(kind int, more string) []byte { return Append(nil, Authentication, Int32(kind), []byte(more)) }
	var (
		trusted  = auth(authOK, "")
		sasl     = auth(authSASL, "SCRAM-SHA-256-PLUS\x00SCRAM-SHA-256\x00\x00")
		foreign  = auth(authSASLContinue, "r=abc,s=AAAA,i=4096")
		password = auth(3, "")
		refused  = AppendError(nil, "28P01", "no")
		ready    = Append(nil, ReadyForQuery, []byte("I"))
	)
	for _, c := range []struct {
		name  string
		keys  *Keys
		hears [][]byte
		want  string // ready, or a part of the error
	}{
		{"trusted", nil, [][]byte{trusted, ready}, "ready"},
		{"trusted where a proof was due", rfcKeys(t), [][]byte{trusted}, "wants no password"},
		{"asked without keys", nil, [][]byte{sasl}, "wants a password"},
		{"asked in clear", rfcKeys(t), [][]byte{password}, "kind 3"},
		{"another salt", rfcKeys(t), [][]byte{sasl, foreign}, "salt"},
		{"let in before its proof", rfcKeys(t), [][]byte{sasl, trusted}, "wants no password"},
		{"refused", rfcKeys(t), [][]byte{sasl, refused}, "28P01 no"},
		{"cut short", nil, [][]byte{Append(nil, Authentication)}, "cut short"},
	} {
		var e Entrance
		e.Begin(nil, Identity{User: "u", Database: "d", Keys: c.keys})
		got := ""
		for _, m := range c.hears {
			_, ready, err := e.Step(m[0], m[5:], nil)
			if ready {
				got = "ready"
			}
			if err != nil {
				got = err.Error()
			}
		}
		if !strings.Contains(got, c.want) || got == "" {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
