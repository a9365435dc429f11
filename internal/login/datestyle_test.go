package login

import (
	"reflect"
	"testing"
)

func TestDateStyles(t *testing.T) {
	for _, c := range []struct{ first, then, want string }{
		{"SQL", "euro", "SQL, DMY"}, {"euro", "SQL", "SQL, DMY"}, {"German", "ISO", "ISO, DMY"}, {"German", "ymd", "GERMAN, YMD"},
		{"SQL, MDY", "Euro", "SQL, DMY"}, {"SQL, MDY", "ISO, YMD", "ISO, YMD"}, {"ISO", "SQL", "SQL"}, {"DMY", "US", "MDY"},
		{"Postgres, European", "NonEuropean", "POSTGRES, MDY"}, {"nosuch", "ISO", "ISO"}, {"ISO", "nosuch", "nosuch"},
		{"SQL, DMY", "DEFAULT", "DEFAULT"}, {"SQL", "", ""},
	} {
		got := withDateStyles([]Setting{{"datestyle", c.first}, {"a", "b"}, {"DateStyle", c.then}})
		if want := []Setting{{"datestyle", c.first}, {"a", "b"}, {"DateStyle", c.want}}; !reflect.DeepEqual(got, want) {
			t.Errorf("%q after %q: %v, want %q", c.then, c.first, got, c.want)
		}
	}
}
