package command

import (
	"strings"
	"testing"
)

func exampleTable() *table {
	t := &table{columns: []column{{title: "NAME", least: 4}, {title: "COUNT", right: true}, {title: "REST", least: 4, drop: 1}, {title: "MORE", drop: 2}}}
	t.add("alice in wonderland", "7", "first", "x")
	t.add("bob", "1,234,567", "second", "y")
	return t
}

func TestATableFitsItsWidth(t *testing.T) {
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, "" +
			"NAME                     COUNT  REST    MORE\n" +
			"alice in wonderland          7  first   x\n" +
			"bob                  1,234,567  second  y"},
		{36, "" +
			"NAME             COUNT  REST    MORE\n" +
			"alice in w…          7  first   x\n" +
			"bob          1,234,567  second  y"},
		{21, "" +
			"NAME      COUNT  REST\n" +
			"ali…          7  fir…\n" +
			"bob   1,234,567  sec…"},
		{17, "" +
			"NAME        COUNT\n" +
			"alice…          7\n" +
			"bob     1,234,567"},
		{12, "" +
			"NAME      C…\n" +
			"ali…       …\n" +
			"bob   1,234…"},
	} {
		if got := strings.Join(exampleTable().lines(c.width), "\n"); got != c.want {
			t.Errorf("width %d: got\n%s\nwant\n%s", c.width, got, c.want)
		}
	}
}

func TestNoLineIsWiderThanTheTable(t *testing.T) {
	for width := 1; width < 60; width++ {
		for _, line := range exampleTable().lines(width) {
			if cells(line) > width {
				t.Errorf("%q has %d cells, but %d are there", line, cells(line), width)
			}
		}
	}
}
