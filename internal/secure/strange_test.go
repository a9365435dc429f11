package secure

import (
	"crypto/tls"
	"slices"
	"testing"
)

// keyUpdate is the message of that name (RFC 8446, 4.6.3); asked: the peer shall change its key too.
func keyUpdate(asked bool) []byte {
	if asked {
		return []byte{24, 0, 0, 1, 1}
	}
	return []byte{24, 0, 0, 1, 0}
}

// TestKeyUpdate: after a KeyUpdate plaintext goes on, whether it was in one piece or in two records; an answer that was asked
// for is said by the layer itself, before what is sealed next.
func TestKeyUpdate(t *testing.T) {
	for _, client := range []bool{true, false} {
		for _, asked := range []bool{false, true} {
			f := forge(t, tls.VersionTLS13, client)
			cipher := append(f.data("before, "), f.record(handshakeType, keyUpdate(asked)[:2])...)
			if got := open(t, f.victim, cipher); string(got) != "before, " {
				t.Fatalf("%q", got)
			}
			rest := f.record(handshakeType, keyUpdate(asked)[2:])
			f.update()
			if got := open(t, f.victim, append(rest, f.data("after")...)); string(got) != "after" {
				t.Fatalf("%q", got)
			}
			answer := f.victim.Own(nil)
			if got := len(records(t, answer)); (got == 1) != asked {
				t.Fatalf("%d records are the answer, asked: %v", got, asked)
			}
			if again := f.victim.Own(nil); len(again) != 0 {
				t.Fatalf("answered again: %x", again)
			}
		}
	}
}

// TestKeyUpdateAnswerComesBeforeData: a Seal puts the answer first.
func TestKeyUpdateAnswerComesBeforeData(t *testing.T) {
	f := forge(t, tls.VersionTLS13, true)
	open(t, f.victim, f.record(handshakeType, keyUpdate(true)))
	sealed := records(t, seal(t, f.victim, []byte("data")))
	if len(sealed) != 2 || len(sealed[0]) != headerBytes+5+1+16 || len(sealed[1]) != headerBytes+4+1+16 {
		t.Fatalf("%d records: %x", len(sealed), sealed)
	}
}

// TestEmptyRecords: a few are ignored, many in a row are an attack.
func TestEmptyRecords(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		f := forge(t, version, true)
		for range 10 {
			var cipher []byte
			for range 10 {
				cipher = append(cipher, f.data("")...)
			}
			if got := open(t, f.victim, append(cipher, f.data("x")...)); string(got) != "x" {
				t.Fatalf("%q", got)
			}
		}
		for range 100 {
			if _, _, err := f.victim.Open(f.data(""), nil); err != nil {
				return
			}
		}
		t.Error("a hundred empty records are fine")
	})
}

// TestLargestRecords: so much plaintext a record may have, and not a byte more.
func TestLargestRecords(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		f := forge(t, version, true)
		if got := open(t, f.victim, f.record(dataType, make([]byte, maxPayload))); len(got) != maxPayload {
			t.Fatalf("%d bytes", len(got))
		}
		if _, _, err := f.victim.Open(f.record(dataType, make([]byte, maxPayload+1)), nil); err == nil {
			t.Error("a record was too large, and nobody said so")
		}
	})
}

// TestRenegotiation: neither end does it: the layer refuses and fails.
func TestRenegotiation(t *testing.T) {
	for client, message := range map[bool][]byte{
		true:  slices.Concat([]byte{1, 0, 0, 38, 3, 3}, make([]byte, 36)), // a ClientHello, of sorts
		false: {0, 0, 0, 0},                                               // HelloRequest
	} {
		f := forge(t, tls.VersionTLS12, client)
		plain, ended, err := f.victim.Open(append(f.data("first"), f.record(handshakeType, message)...), nil)
		if string(plain) != "first" || ended || err == nil {
			t.Errorf("%q, ended: %v, %v", plain, ended, err)
		}
		if alert := records(t, f.victim.Own(nil)); len(alert) != 1 || alert[0][0] != alertType {
			t.Errorf("said %x", alert)
		}
	}
}

// TestStrangeMessages: handshake messages that have no business here, and alerts, are errors; a warning is not.
func TestStrangeMessages(t *testing.T) {
	for name, c := range map[string]struct {
		version uint16
		kind    byte
		content []byte
		fails   bool
	}{
		"Finished":            {tls.VersionTLS13, handshakeType, []byte{20, 0, 0, 0}, true},
		"CertificateRequest":  {tls.VersionTLS13, handshakeType, []byte{13, 0, 0, 3, 0, 0, 0}, true},
		"too long":            {tls.VersionTLS13, handshakeType, []byte{24, 0xFF, 0xFF, 0xFF}, true},
		"no message":          {tls.VersionTLS13, handshakeType, nil, true},
		"unknown type":        {tls.VersionTLS13, 99, []byte{1}, true},
		"internal_error":      {tls.VersionTLS13, alertType, []byte{2, 80}, true},
		"internal_error, 1.2": {tls.VersionTLS12, alertType, []byte{2, 80}, true},
		"user_canceled":       {tls.VersionTLS13, alertType, []byte{1, 90}, false},
		"warning, 1.2":        {tls.VersionTLS12, alertType, []byte{1, 90}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := forge(t, c.version, true)
			_, ended, err := f.victim.Open(f.record(c.kind, c.content), nil)
			if ended || (err != nil) != c.fails {
				t.Fatalf("ended: %v, %v", ended, err)
			}
			if !c.fails {
				if got := open(t, f.victim, f.data("goes on")); string(got) != "goes on" {
					t.Fatalf("%q", got)
				}
			}
		})
	}
}

// TestSessionTickets: a client takes the tickets that a server sends after the handshake, released or not, and the session
// that it resumes has the same binding.
func TestSessionTickets(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		server := &tls.Config{Certificates: []tls.Certificate{testCertificate()}, MaxVersion: version}
		client := ClientConfig(&tls.Config{
			InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(1),
		})
		var binding []byte
		for round := range 2 {
			near, far := connected(t)
			s, c := tls.Server(near, server), Client(far, client)
			shake(t, s.Handshake, func() error { return c.Handshake(t.Context()) })
			if c.State().DidResume != (round == 1) {
				t.Fatalf("round %d resumed: %v", round, c.State().DidResume)
			}
			if round == 1 && string(c.Binding()) != string(binding) {
				t.Errorf("bound to %x, then to %x", binding, c.Binding())
			}
			binding = c.Binding()
			_, heard, err := c.Release()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = s.Write([]byte("hello"))
			for buf := make([]byte, 100); len(heard) < 5; {
				n, err := far.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				heard = append(heard, open(t, c, buf[:n])...)
			}
			if string(heard) != "hello" {
				t.Errorf("heard %q", heard)
			}
		}
	})
}
