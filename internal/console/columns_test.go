package console

import (
	"os"
	"strings"
	"testing"
)

// TestColumnsArePgBouncers compares with testdata/columns.golden, which has PgBouncer 1.25's columns and types.
func TestColumnsArePgBouncers(t *testing.T) {
	text, err := os.ReadFile("testdata/columns.golden")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, want, _ := strings.Cut(line, ": ")
		var got []string
		for i, column := range shows[name].names {
			got = append(got, column+":"+typeNames[typeOIDs[kind(shows[name].kinds[i])]])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("SHOW %s\nhas   %s\nnot   %s", name, strings.Join(got, " "), want)
		}
		checked++
	}
	if silent := 2; checked+silent != len(shows)-len(fakeSettings) { // HELP and FDS have none
		t.Errorf("%d tables are in the file, of %d", checked, len(shows)-len(fakeSettings)-silent)
	}
}
