package scram

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

// The example of RFC 7677, section 3.
const (
	rfcClientNonce = "rOprNGfwEbeRWgbNEkqO"
	rfcServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	rfcSalt        = "W22ZaJ0SNY7soEsUEjb6gQ=="
	rfcPassword    = "pencil"

	rfcClientFirst = "n,,n=user,r=" + rfcClientNonce
	rfcServerFirst = "r=" + rfcClientNonce + rfcServerNonce + ",s=" + rfcSalt + ",i=4096"
	rfcClientFinal = "c=biws,r=" + rfcClientNonce + rfcServerNonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	rfcServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
)

func rfcVerifier(t testing.TB) Verifier {
	t.Helper()
	salt, err := base64.StdEncoding.DecodeString(rfcSalt)
	if err != nil {
		t.Fatal(err)
	}
	return Derive(rfcPassword, salt, 4096).Verifier(salt, 4096)
}

func TestServerSpeaksTheRFCExample(t *testing.T) {
	s := NewServer(rfcVerifier(t), []byte(rfcServerNonce))
	if got, err := s.Step([]byte(rfcClientFirst)); string(got) != rfcServerFirst || err != nil {
		t.Fatalf("server-first: %q, %v", got, err)
	}
	if s.Authenticated() {
		t.Fatal("authenticated before the proof")
	}
	if got, err := s.Step([]byte(rfcClientFinal)); string(got) != rfcServerFinal || err != nil {
		t.Fatalf("server-final: %q, %v", got, err)
	}
	key, ok := s.ClientKey()
	if !s.Authenticated() || !ok || key != Derive(rfcPassword, rfcVerifier(t).Salt, 4096).Client {
		t.Fatal("the client's key was not recovered from its proof")
	}
}

func TestClientSpeaksTheRFCExample(t *testing.T) {
	c := NewClient(deriveFrom(rfcPassword), []byte(rfcClientNonce))
	if got, err := c.Step(nil); string(got) != strings.Replace(rfcClientFirst, "user", "", 1) || err != nil {
		t.Fatalf("client-first: %q, %v", got, err)
	}
	c.firstBare = strings.TrimPrefix(rfcClientFirst, headerWithout) // the example names its user, Postgres's clients do not
	if got, err := c.Step([]byte(rfcServerFirst)); string(got) != rfcClientFinal || err != nil {
		t.Fatalf("client-final: %q, %v", got, err)
	}
	if c.Authenticated() {
		t.Fatal("the server was believed before its signature")
	}
	if got, err := c.Step([]byte(rfcServerFinal)); len(got) != 0 || err != nil || !c.Authenticated() {
		t.Fatalf("end: %q, %v", got, err)
	}
}

func deriveFrom(password string) KeySource {
	return func(salt []byte, iterations int) (Keys, error) { return Derive(password, salt, iterations), nil }
}

// converse lets both sides talk and returns what each thinks of it.
func converse(c *Client, s *Server) (clientErr, serverErr error) {
	var message []byte
	for !c.Authenticated() {
		if message, clientErr = c.Step(message); clientErr != nil || len(message) == 0 {
			return clientErr, nil
		}
		if message, serverErr = s.Step(message); serverErr != nil {
			return nil, serverErr
		}
	}
	return nil, nil
}

func TestBothSidesAgree(t *testing.T) {
	salt := []byte("0123456789abcdef")
	right := Derive("right", salt, 2).Verifier(salt, 2)
	t.Run("right password", func(t *testing.T) {
		c, s := NewClient(deriveFrom("right"), []byte("cc")), NewServer(right, []byte("ss"))
		if ce, se := converse(c, s); ce != nil || se != nil || !s.Authenticated() || !c.Authenticated() {
			t.Fatal(ce, se)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		c, s := NewClient(deriveFrom("wrong"), []byte("cc")), NewServer(right, []byte("ss"))
		if _, se := converse(c, s); !errors.Is(se, ErrProof) || s.Authenticated() {
			t.Fatal(se)
		}
	})
	t.Run("impostor", func(t *testing.T) {
		fake := right
		fake.ServerKey[0] ^= 1 // has stolen what checks proofs, not what makes signatures
		c, s := NewClient(deriveFrom("right"), []byte("cc")), NewServer(fake, []byte("ss"))
		if ce, _ := converse(c, s); !errors.Is(ce, ErrSignature) || c.Authenticated() {
			t.Fatal(ce)
		}
	})
	t.Run("zero verifier", func(t *testing.T) {
		s := NewServer(Verifier{}, []byte("ss"))
		c := NewClient(func([]byte, int) (Keys, error) { return Keys{}, nil }, []byte("cc"))
		if _, se := converse(c, s); se == nil && s.Authenticated() {
			t.Fatal("the zero verifier let somebody in")
		}
	})
}

// A user that does not exist gets the messages a wrong password gets, and the same salt each time.
func TestMockConversationLooksReal(t *testing.T) {
	key := []byte("secret of this process")
	salt := SaltFor(key, "alice")
	known := Derive("right", salt, DefaultIterations).Verifier(salt, DefaultIterations)
	first := func(v Verifier) string {
		out, err := NewServer(v, []byte("ss")).Step([]byte("n,,n=,r=cc"))
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if first(known) != first(MockVerifier(key, "alice")) {
		t.Fatal("a user without password can be told from one with")
	}
	if again := first(MockVerifier(key, "bob")); first(MockVerifier(key, "bob")) != again {
		t.Fatal("the mock salt changes")
	}
	if first(MockVerifier(key, "bob")) == first(MockVerifier(key, "alice")) ||
		first(MockVerifier([]byte("other"), "bob")) == first(MockVerifier(key, "bob")) {
		t.Fatal("the mock salt can be foretold")
	}
	// Not even who finds the mock's key gets in.
	c := NewClient(deriveFrom("any"), []byte("cc"))
	s := NewServer(MockVerifier(key, "bob"), []byte("ss"))
	s.verifier.StoredKey = Derive("any", SaltFor(key, "bob"), DefaultIterations).Verifier(nil, 1).StoredKey
	if _, se := converse(c, s); !errors.Is(se, ErrProof) || s.Authenticated() {
		t.Fatal("a mock conversation succeeded")
	}
}
