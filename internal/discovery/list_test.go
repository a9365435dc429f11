package discovery

import (
	"strconv"
	"strings"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestLists(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                            "",
		`[{"address":"10.0.0.1:5432"}]`: "10.0.0.1:5432",
		`[{"address": "a:1", "role": "primary", "weight": 3, "max_server_connections": 7},
		  {"address": "unix//run:5432", "role": "replica"}]` + "\n": "a:1 primary ×3 ≤7, unix//run:5432 replica",
	} {
		list, err := ParseList([]byte(text))
		if err != nil || list == nil || shown(list) != want {
			t.Errorf("%s: %s, %v; want %s", text, shown(list), err, want)
		}
	}
}

func TestListsThatCannotBeUnderstood(t *testing.T) {
	for text, want := range map[string]string{
		``:                                    "EOF",
		`null`:                                "it is null; write [] for none",
		`{}`:                                  "cannot unmarshal object",
		`[{"address":"a:1","wieght":1}]`:      `unknown field "wieght"`,
		`[{"address":"a:1"},{"role":"auto"}]`: "entry 1 has no address",
		`[] []`:                               "there is something behind it",
		`[{"address":"a:1","weight":"2"}]`:    "cannot unmarshal string",
	} {
		if _, err := ParseList([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
