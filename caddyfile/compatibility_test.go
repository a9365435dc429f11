package caddyfile

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	compatibility = "../docs/compatibility.md"
	// traps is how many there are.
	traps = 56
)

var (
	aTest    = regexp.MustCompile(`(?m)^func (Test[A-Z]\w*)\(`)
	aMention = regexp.MustCompile("`(Test[A-Z]\\w*)`")
	aTrap    = regexp.MustCompile(`(?m)^\| (\d+) \|.*$`)
	itsTrap  = regexp.MustCompile(`^TestTrap(\d\d)(?:And(\d\d))?`)
)

// testsOfTheTree is the names of all test functions of the repository, whatever build tags their files have.
func testsOfTheTree(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range aTest.FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestEveryTestThatCompatibilityNamesIsThere finds one that was renamed.
func TestEveryTestThatCompatibilityNamesIsThere(t *testing.T) {
	text, err := os.ReadFile(compatibility)
	if err != nil {
		t.Fatal(err)
	}
	there := testsOfTheTree(t)
	mentions := aMention.FindAllStringSubmatch(string(text), -1)
	if len(mentions) < traps {
		t.Errorf("docs/compatibility.md names %d tests: is its form another?", len(mentions))
	}
	for _, m := range mentions {
		if !there[m[1]] {
			t.Errorf("docs/compatibility.md names %s, which is not there", m[1])
		}
	}
}

// TestEveryTrapHasItsRow also demands that each test with a trap's number stands in its row.
func TestEveryTrapHasItsRow(t *testing.T) {
	text, err := os.ReadFile(compatibility)
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]string)
	for _, m := range aTrap.FindAllStringSubmatch(string(text), -1) {
		if rows[m[1]] != "" {
			t.Errorf("trap %s has two rows", m[1])
		}
		rows[m[1]] = m[0]
	}
	for n := range traps {
		if rows[fmt.Sprint(n+1)] == "" {
			t.Errorf("trap %d has no row in docs/compatibility.md", n+1)
		}
	}
	if len(rows) != traps {
		t.Errorf("%d rows of traps, want %d", len(rows), traps)
	}
	for _, name := range slices.Sorted(maps.Keys(testsOfTheTree(t))) {
		for _, number := range trapsOf(name) {
			if !strings.Contains(rows[number], "`"+name+"`") {
				t.Errorf("%s is not in the row of trap %s in docs/compatibility.md", name, number)
			}
		}
	}
}

// trapsOf is the numbers of the traps that a test carries in its name, at most two.
func trapsOf(test string) (numbers []string) {
	if m := itsTrap.FindStringSubmatch(test); m != nil {
		for _, number := range m[1:] {
			if number != "" {
				numbers = append(numbers, strings.TrimPrefix(number, "0"))
			}
		}
	}
	return numbers
}

// TestLinksOfCompatibilityLead looks for the files and headings that it links to.
func TestLinksOfCompatibilityLead(t *testing.T) {
	text, err := os.ReadFile(compatibility)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#:]*)(?:#([\w-]+))?\)`).FindAllStringSubmatch(string(text), -1) {
		path := compatibility
		if m[1] != "" {
			path = filepath.Join("../docs", m[1])
		}
		target, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("docs/compatibility.md links to %s: %v", m[1], err)
		} else if m[2] != "" && !hasHeading(string(target), m[2]) {
			t.Errorf("docs/compatibility.md links to %s#%s, which is no heading", m[1], m[2])
		}
	}
}

// hasHeading reports whether a heading of the text has this anchor.
func hasHeading(text, anchor string) bool {
	for line := range strings.Lines(text) {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			if strings.ReplaceAll(strings.ToLower(strings.TrimSpace(heading)), " ", "-") == anchor {
				return true
			}
		}
	}
	return false
}
