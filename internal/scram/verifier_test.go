package scram

import (
	"fmt"
	"strings"
	"testing"
)

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
