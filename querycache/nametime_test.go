package querycache

import "testing"

func TestNamesOfTheTime(t *testing.T) {
	for text, want := range map[string]bool{
		"select 'now'::timestamp":           true,
		"select date 'Today'":               true,
		"\x00\x00\x00\x09yesterday\x00\x01": true,
		"tomorrow":                          true,
		"select 'know-how', nowhere":        false,
		"select 'not now.'":                 true,
		"today1":                            true,
		"":                                  false,
		"no w":                              false,
		"yesterdays":                        false,
	} {
		if got := NamesTime([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { NamesTime([]byte("select a from t where b = 'never'")) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
