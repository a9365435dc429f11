package login

import (
	"reflect"
	"testing"
)

func TestOptions(t *testing.T) {
	for options, want := range map[string][]Setting{
		"":                        nil,
		"  \t\n":                  nil,
		"-c a=1":                  {{"a", "1"}},
		"-ca=1":                   {{"a", "1"}},
		"-c\ta=1 -c b=2":          {{"a", "1"}, {"b", "2"}},
		"--a=1":                   {{"a", "1"}},
		"--search-path=x,y":       {{"search_path", "x,y"}},
		"-c search-path=x-y":      {{"search_path", "x-y"}},
		"-c a=":                   {{"a", ""}},
		"-c a=b=c":                {{"a", "b=c"}},
		`-c a=b\ c`:               {{"a", "b c"}},
		`-c a=b\\c`:               {{"a", `b\c`}},
		`-c a=\\\ `:               {{"a", `\ `}},
		`-c a=b\`:                 {{"a", "b"}},
		`-c\ a=1`:                 {{" a", "1"}},
		`-c a=\b`:                 {{"a", "b"}},
		"-c my.setting='x'":       {{"my.setting", "'x'"}},
		"-c a=1\v--b=2\f--c=3\r ": {{"a", "1"}, {"b", "2"}, {"c", "3"}},
	} {
		got, refusal := parseOptions(options)
		if refusal != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v", options, got, refusal)
		}
	}
	for options, want := range map[string]string{
		"a=1": "42601", "-": "42601", "--": "42601", "-c": "42601", "-c a": "42601", "--a": "42601", "-c =1": "42704", "--=1": "42704",
		"-F": "0A000", "-S 1024": "0A000", "-e": "0A000", `\ `: "42601", "-c a=1 x": "42601",
	} {
		if _, refusal := parseOptions(options); refusal == nil || refusal.SQLState != want {
			t.Errorf("%q: %v, want %s", options, refusal, want)
		}
	}
}
