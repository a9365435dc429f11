package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// What becomes of a test, as `go test -json` says it.
const (
	passed  = "pass"
	failed  = "fail"
	skipped = "skip"
)

// pgxResults is what became of the tests on a target.
type pgxResults struct {
	target string
	tests  map[pgxName]*pgxTest
}

// pgxName is a test, or with an empty one a package as a whole.
type pgxName struct{ pkg, test string }

func (n pgxName) String() string { return strings.TrimPrefix(n.pkg+"."+n.test, ".") }

func (n pgxName) compare(other pgxName) int { return strings.Compare(n.String(), other.String()) }

// pgxTest is one test with all that it is divided into.
type pgxTest struct {
	outcome string
	printed []string
}

// readPgxResults reads what `go test -json` has printed.
func readPgxResults(target, file string) (pgxResults, error) {
	f, err := os.Open(file)
	if err != nil {
		return pgxResults{}, fmt.Errorf("reading results: %w", err)
	}
	defer f.Close()
	r := pgxResults{target: target, tests: make(map[pgxName]*pgxTest)}
	for lines := json.NewDecoder(bufio.NewReader(f)); ; {
		var e struct{ Action, Package, Test, Output string }
		if err := lines.Decode(&e); err == io.EOF {
			r.end()
			return r, nil
		} else if err != nil {
			return pgxResults{}, fmt.Errorf("reading results in %s: %w", file, err)
		}
		r.add(e.Action, e.Package, e.Test, e.Output)
	}
}

// add takes note of an event. What is told of a package, and not of one of its tests, counts only if no test of its fails: then
// it was not built, or has ended in mid-test.
func (r *pgxResults) add(action, pkg, test, output string) {
	pkg = strings.TrimPrefix(strings.TrimPrefix(pkg, pgxModule), "/")
	whole, _, isPart := strings.Cut(test, "/")
	t := r.tests[pgxName{pkg, whole}]
	if t == nil {
		t = &pgxTest{}
		r.tests[pgxName{pkg, whole}] = t
	}
	switch action {
	case passed, failed, skipped:
		if !isPart {
			t.outcome = action
		}
	case "output":
		t.printed = append(t.printed, output)
	}
}

// end takes what has never ended for failed, and forgets of packages what is known from their tests.
func (r *pgxResults) end() {
	failing := make(map[string]bool)
	for name, t := range r.tests {
		if name.test != "" && t.outcome == "" {
			t.outcome = failed
		}
		if name.test != "" && t.outcome == failed {
			failing[name.pkg] = true
		}
	}
	maps.DeleteFunc(r.tests, func(name pgxName, t *pgxTest) bool {
		return name.test == "" && (t.outcome != failed || failing[name.pkg])
	})
}

// count counts the tests by what became of them; parts of a test are not counted.
func (r pgxResults) count(outcome string) (n int) {
	for _, t := range r.tests {
		if t.outcome == outcome {
			n++
		}
	}
	return n
}

// judge prints what became of the tests on every target, compared with the first.
func (o pgxOptions) judge(w io.Writer, all []pgxResults) error {
	fmt.Fprintf(w, "\n%-14s %8s %8s %8s\n", "", "passed", "failed", "skipped")
	for _, r := range all {
		fmt.Fprintf(w, "%-14s %8d %8d %8d\n", r.target, r.count(passed), r.count(failed), r.count(skipped))
	}
	first, worst := all[0], 0
	for _, r := range all[1:] {
		names := r.failingUnlike(first)
		fmt.Fprintf(w, "\n%d tests fail %s and not %s:\n", len(names), r.target, first.target)
		for _, name := range names {
			fmt.Fprintf(w, "  %s\n", name)
			for _, line := range r.tests[name].reasons() {
				fmt.Fprintf(w, "      %s\n", line)
			}
		}
		worst = max(worst, len(names))
	}
	if o.allowed >= 0 && worst > o.allowed {
		return fmt.Errorf("%d tests fail that pass directly, allowed are %d", worst, o.allowed)
	}
	return nil
}

// failingUnlike lists the tests that failed here and not there.
func (r pgxResults) failingUnlike(there pgxResults) (names []pgxName) {
	for _, name := range slices.SortedFunc(maps.Keys(r.tests), pgxName.compare) {
		if other := there.tests[name]; r.tests[name].outcome == failed && (other == nil || other.outcome != failed) {
			names = append(names, name)
		}
	}
	return names
}

// reasonLines bounds what is shown of a test that failed.
const reasonLines = 8

// reasons is the first of what a test printed that tells why it failed.
func (t *pgxTest) reasons() (lines []string) {
	for _, text := range t.printed {
		line := strings.TrimSpace(text)
		if line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "Error Trace:") {
			continue
		}
		if lines = append(lines, line); len(lines) == reasonLines {
			break
		}
	}
	return lines
}
