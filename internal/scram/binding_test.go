package scram

import (
	"errors"
	"strings"
	"testing"
)

var both = []string{MechanismPlus, Mechanism}

func newPair(t testing.TB) (*Client, *Server) {
	t.Helper()
	salt := []byte("0123456789abcdef")
	return NewClient(deriveFrom("right"), []byte("cc")), NewServer(Derive("right", salt, 2).Verifier(salt, 2), []byte("ss"))
}

// Two that know the password agree if, and only if, they see the same channel and nobody has changed the offer.
func TestChannelBinding(t *testing.T) {
	for name, test := range map[string]struct {
		client, server string // what each can bind to; empty: nothing
		relay          func(offered []string) []string
		mechanism      string
		want           string
	}{
		"both in clear":         {"", "", nil, Mechanism, ""},
		"both bind":             {"certificate", "certificate", nil, MechanismPlus, ""},
		"client cannot":         {"", "certificate", nil, Mechanism, ""},
		"server cannot":         {"certificate", "", nil, Mechanism, ""},
		"somebody between":      {"his certificate", "certificate", nil, MechanismPlus, "SCRAM channel binding check failed"},
		"who takes PLUS away":   {"his certificate", "certificate", func([]string) []string { return []string{Mechanism} }, Mechanism, "negotiation error"},
		"who has put PLUS in":   {"certificate", "", func([]string) []string { return both }, MechanismPlus, "not offered"},
		"who leaves PLUS alone": {"certificate", "certificate", func([]string) []string { return []string{MechanismPlus} }, MechanismPlus, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := newPair(t)
			offered := s.Offer([]byte(test.server))
			if test.relay != nil {
				offered = test.relay(offered)
			}
			mechanism, ok := c.Choose(offered, []byte(test.client))
			if !ok || mechanism != test.mechanism {
				t.Fatalf("%s is chosen of %q", mechanism, offered)
			}
			var err error
			if s.Choose(mechanism) {
				_, err = converse(c, s)
			} else {
				err = errors.New("not offered")
			}
			if test.want == "" && (err != nil || !s.Authenticated() || !c.Authenticated()) {
				t.Fatal(err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || s.Authenticated()) {
				t.Fatal(err)
			}
		})
	}
}

func TestMechanismsOffered(t *testing.T) {
	_, s := newPair(t)
	if got := s.Offer(nil); len(got) != 1 || got[0] != Mechanism || s.Choose(MechanismPlus) || !s.Choose(Mechanism) || s.Choose("") {
		t.Errorf("without binding: %q", got)
	}
	if got := s.Offer([]byte("x")); strings.Join(got, " ") != "SCRAM-SHA-256-PLUS SCRAM-SHA-256" || !s.Choose(MechanismPlus) || !s.Choose(Mechanism) || s.Choose("PLAIN") {
		t.Errorf("with binding: %q", got)
	}
	c, _ := newPair(t)
	for _, offered := range [][]string{nil, {"PLAIN"}, {MechanismPlus}} {
		if mechanism, ok := c.Choose(offered, nil); ok {
			t.Errorf("%s is chosen of %q", mechanism, offered)
		}
	}
}

// In Postgres's words; what it says in each case the tests of package login compare.
func TestBindingRefusals(t *testing.T) {
	for _, test := range []struct{ mechanism, first, state, want string }{
		{MechanismPlus, "n,,n=,r=x", "08P01", "selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include"},
		{MechanismPlus, "y,,n=,r=x", "08P01", "selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include"},
		{MechanismPlus, "p=tls-unique,,n=,r=x", "08P01", `unsupported SCRAM channel-binding type "tls-unique"`},
		{MechanismPlus, "p=\x01" + strings.Repeat("x", 50) + ",,n=,r=x", "08P01", `type "?` + strings.Repeat("x", 29) + `"`},
		{Mechanism, "p=tls-server-end-point,,n=,r=x", "08P01", "without channel binding, but"},
		{Mechanism, "y,,n=,r=x", "28000", "SCRAM channel binding negotiation error"},
	} {
		_, s := newPair(t)
		s.Offer([]byte("certificate"))
		s.Choose(test.mechanism)
		_, err := s.Step([]byte(test.first))
		var e *Error
		if !errors.As(err, &e) || e.SQLState != test.state || !strings.Contains(e.Error(), test.want) {
			t.Errorf("%q: %v", test.first, err)
		}
	}
}

// Whatever two messages a client sends that has chosen to bind, the server neither panics nor lets it in without the
// password and the right channel.
func FuzzServerPlus(f *testing.F) {
	f.Add([]byte("p=tls-server-end-point,,n=,r=cc"), []byte("c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsYw==,r=ccss,p="))
	f.Add([]byte("p=tls-unique,,n=,r=cc"), []byte("c=biws,r=ss"))
	f.Fuzz(func(t *testing.T, first, final []byte) {
		_, s := newPair(t)
		s.Offer([]byte("c"))
		s.Choose(MechanismPlus)
		if _, err := s.Step(first); err != nil {
			return
		}
		if !strings.HasPrefix(string(first), headerBound) {
			t.Fatalf("%q is taken for bound", first)
		}
		if _, err := s.Step(final); err == nil || s.Authenticated() {
			t.Fatal("let in without the password")
		}
	})
}
