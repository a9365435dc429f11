package scram

import (
	"bytes"
	"testing"
)

// Whatever two messages a client sends, the server neither panics nor lets it in without the password, and what
// it sends back is bounded.
func FuzzServer(f *testing.F) {
	f.Add([]byte(rfcClientFirst), []byte(rfcClientFinal[:len(rfcClientFinal)-2]))
	f.Add([]byte("y,,n=,r=x,a=b"), []byte("c=eSws,r=xss,p="))
	f.Add([]byte("n,,n=,r="), []byte("c=biws,r=ss,z=1,p=AAAA,"))
	v := rfcVerifier(f)
	v.StoredKey[0] ^= 1 // a password nobody knows
	f.Fuzz(func(t *testing.T, first, final []byte) {
		s := NewServer(v, []byte(rfcServerNonce))
		answer, err := s.Step(first)
		if len(answer) > MaxMessageBytes+512 {
			t.Fatalf("answer of %d bytes", len(answer))
		}
		if err != nil {
			return
		}
		if _, err := s.Step(final); err == nil || s.Authenticated() {
			t.Fatal("let in without the password")
		}
	})
}

// Whatever a server sends, the client neither panics, nor works beyond the bound, nor takes it for the real one.
func FuzzClient(f *testing.F) {
	f.Add([]byte(rfcServerFirst), []byte(rfcServerFinal))
	f.Add([]byte("r="+rfcClientNonce+"x,s=AAAA,i=1"), []byte("e=other-error"))
	f.Fuzz(func(t *testing.T, first, final []byte) {
		work := 0
		c := NewClient(func(_ []byte, iterations int) (Keys, error) {
			work = iterations
			return Keys{Server: Key{1}}, nil
		}, []byte(rfcClientNonce))
		if _, err := c.Step(nil); err != nil {
			t.Fatal(err)
		}
		_, err := c.Step(first)
		if work > MaxIterations {
			t.Fatalf("%d iterations", work)
		}
		if err != nil {
			return
		}
		if _, err := c.Step(final); err == nil || c.Authenticated() {
			t.Fatal("a server without the password was believed")
		}
	})
}

// What parses is written back as it was read, up to base64's spare bits.
func FuzzVerifier(f *testing.F) {
	f.Add("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVerifier(text)
		if err != nil {
			return
		}
		again, err := ParseVerifier(v.Text())
		if err != nil || !bytes.Equal(again.Salt, v.Salt) || again.StoredKey != v.StoredKey ||
			again.ServerKey != v.ServerKey || again.Iterations != v.Iterations {
			t.Fatalf("%q became %q: %v", text, v.Text(), err)
		}
	})
}

func BenchmarkDerive(b *testing.B) {
	salt := make([]byte, SaltBytes)
	for b.Loop() {
		Derive(rfcPassword, salt, DefaultIterations)
	}
}

func BenchmarkServerConversation(b *testing.B) {
	v := rfcVerifier(b)
	for b.Loop() {
		s := NewServer(v, []byte(rfcServerNonce))
		if _, err := s.Step([]byte(rfcClientFirst)); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Step([]byte(rfcClientFinal)); err != nil {
			b.Fatal(err)
		}
	}
}
