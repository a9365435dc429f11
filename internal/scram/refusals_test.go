package scram

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

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
