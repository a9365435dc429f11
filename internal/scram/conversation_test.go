package scram

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
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
	c.firstBare = strings.TrimPrefix(rfcClientFirst, gs2Header) // the example names its user, Postgres's clients do not
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
	if first(MockVerifier(key, "bob")) != first(MockVerifier(key, "bob")) {
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

func TestServerRefusals(t *testing.T) {
	final := "c=biws,r=" + rfcClientNonce + rfcServerNonce
	proof := ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	for _, test := range []struct{ name, first, final, state, want string }{
		{"empty", "", "", "08P01", "The message is empty."},
		{"flag p", "p=tls-server-end-point,,n=,r=x", "", "08P01", "includes channel binding data"},
		{"flag z", "z,,n=,r=x", "", "08P01", `channel-binding flag "'z'"`},
		{"no comma", "nn", "", "08P01", "Comma expected"},
		{"authzid", "n,a=root,n=,r=x", "", "0A000", "authorization identity"},
		{"junk for authzid", "n,\x01", "", "08P01", "0x01"},
		{"mandatory extension", "n,,m=x,n=,r=x", "", "0A000", "unsupported SCRAM extension"},
		{"no name", "n,,r=x", "", "08P01", `Expected attribute "n" but found "'r'"`},
		{"no nonce", "n,,n=", "", "08P01", `Expected attribute "r" but found "0x00"`},
		{"nonce with a space", "n,,n=,r=a b", "", "08P01", "non-printable"},
		{"zero byte", "n,,n=,r=a\x00", "", "08P01", "length does not match"},
		{"bad extension", "n,,n=,r=x,1=2", "", "08P01", `invalid character "'1'"`},
		{"too long", "n,,n=,r=" + strings.Repeat("x", MaxMessageBytes), "", "08P01", "longer than 1024 bytes"},
		{"binding", rfcClientFirst, "c=eSws,r=x" + proof, "08P01", "channel-binding attribute"},
		{"binding of y", "y" + rfcClientFirst[1:], final + proof, "08P01", "channel-binding attribute"},
		{"other nonce", rfcClientFirst, "c=biws,r=" + rfcClientNonce + proof, "08P01", "Nonce does not match"},
		{"no proof", rfcClientFirst, final, "08P01", "Attribute expected"},
		{"short proof", rfcClientFirst, final + ",p=AAAA", "08P01", "Malformed proof"},
		{"bad proof", rfcClientFirst, final + ",p=" + strings.Repeat("!", 44), "08P01", "Malformed proof"},
		{"garbage", rfcClientFirst, final + proof + ",x=1", "08P01", "Garbage"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := NewServer(rfcVerifier(t), []byte(rfcServerNonce))
			_, err := s.Step([]byte(test.first))
			if err == nil {
				_, err = s.Step([]byte(test.final))
			}
			var e *Error
			if !errors.As(err, &e) || e.SQLState != test.state || !strings.Contains(e.Error(), test.want) || s.Authenticated() {
				t.Fatalf("got %v, want %s with %q", err, test.state, test.want)
			}
		})
	}
}

func TestServerAcceptsWhatPostgresAccepts(t *testing.T) {
	v := rfcVerifier(t)
	for _, header := range []string{"n,,", "y,,"} {
		for _, extension := range []string{"", ",x=1,y=2"} {
			c := NewClient(deriveFrom(rfcPassword), []byte("cc"))
			s := NewServer(v, []byte("ss"))
			if _, err := c.Step(nil); err != nil {
				t.Fatal(err)
			}
			c.firstBare = "n=ignored,r=cc" + extension
			first, err := s.Step([]byte(header + c.firstBare))
			if err != nil {
				t.Fatal(err)
			}
			// The client always says biws, so prove by hand what a client that begins with this header would say.
			without := "c=" + base64.StdEncoding.EncodeToString([]byte(header)) + ",r=ccss" + extension
			keys := Derive(rfcPassword, v.Salt, v.Iterations)
			proof := keys.Client.xor(mac(v.StoredKey[:], c.firstBare+","+string(first)+","+without))
			final := without + ",p=" + base64.StdEncoding.EncodeToString(proof[:])
			if _, err := s.Step([]byte(final)); err != nil || !s.Authenticated() {
				t.Fatalf("%s with %q: %v", header, extension, err)
			}
		}
	}
}

func TestClientRefusals(t *testing.T) {
	long := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, maxSaltBytes+1))
	for _, test := range []struct{ name, first, final, want string }{
		{"empty", "", "", "empty"},
		{"foreign nonce", "r=other,s=" + rfcSalt + ",i=4096", "", "does not continue ours"},
		{"our nonce alone", "r=cc,s=" + rfcSalt + ",i=4096", "", "does not continue ours"},
		{"no salt", "r=ccss,i=1", "", `Expected attribute "s"`},
		{"bad salt", "r=ccss,s=!,i=1", "", "SCRAM salt"},
		{"long salt", "r=ccss,s=" + long + ",i=1", "", "SCRAM salt"},
		{"no iterations", "r=ccss,s=" + rfcSalt, "", `Expected attribute "i"`},
		{"zero iterations", "r=ccss,s=" + rfcSalt + ",i=0", "", "iteration count"},
		{"too much work", "r=ccss,s=" + rfcSalt + ",i=2147483647", "", "iteration count"},
		{"long nonce", "r=cc" + strings.Repeat("s", MaxMessageBytes) + ",s=" + rfcSalt + ",i=1", "", "longer than"},
		{"server error", "r=ccss,s=" + rfcSalt + ",i=1", "e=other-error", `"other-error"`},
		{"no signature", "r=ccss,s=" + rfcSalt + ",i=1", "x=1", `Expected attribute "v"`},
		{"short signature", "r=ccss,s=" + rfcSalt + ",i=1", "v=AAAA", "Malformed signature"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := NewClient(deriveFrom("x"), []byte("cc"))
			if _, err := c.Step(nil); err != nil {
				t.Fatal(err)
			}
			_, err := c.Step([]byte(test.first))
			if err == nil {
				_, err = c.Step([]byte(test.final))
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || c.Authenticated() {
				t.Fatalf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestClientPassesOnWhyThereAreNoKeys(t *testing.T) {
	cause := errors.New("only a verifier is known")
	c := NewClient(func([]byte, int) (Keys, error) { return Keys{}, cause }, []byte("cc"))
	if _, err := c.Step(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Step([]byte("r=ccss,s=" + rfcSalt + ",i=1")); !errors.Is(err, cause) {
		t.Fatal(err)
	}
}

func TestVerifierText(t *testing.T) {
	v := rfcVerifier(t)
	text := v.Text()
	const want = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if text != want {
		t.Fatalf("got  %s\nwant %s", text, want)
	}
	back, err := ParseVerifier(text)
	if err != nil || back.Text() != text {
		t.Fatal(back.Text(), err)
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", v, v, v, v); strings.Contains(shown, "WG5d") || strings.Contains(shown, "W22Z") {
		t.Fatalf("a verifier shows in %s", shown)
	}
}

func TestVerifierErrorsNameThePart(t *testing.T) {
	const stored, server = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=", "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	for text, want := range map[string]string{
		"secret":                                                       "does not begin",
		"SCRAM-SHA-256$4096":                                           "<iterations>",
		"SCRAM-SHA-256$4096:AAAA$x":                                    "<iterations>",
		"SCRAM-SHA-256$0:AAAA$x:y":                                     "iteration count",
		"SCRAM-SHA-256$-1:AAAA$x:y":                                    "iteration count",
		"SCRAM-SHA-256$9999999:AAAA$x:y":                               "iteration count",
		"SCRAM-SHA-256$1:$x:y":                                         "salt",
		"SCRAM-SHA-256$1:!!!!$x:y":                                     "salt",
		"SCRAM-SHA-256$1:AAAA$x:" + server:                             "StoredKey",
		"SCRAM-SHA-256$1:AAAA$" + stored + ":y":                        "ServerKey",
		"SCRAM-SHA-256$1:AAAA$" + stored + ":" + server + ":x":         "ServerKey",
		"SCRAM-SHA-256$1:AAAA$" + stored + ":" + server[:43] + "A\n\n": "ServerKey",
	} {
		if _, err := ParseVerifier(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
