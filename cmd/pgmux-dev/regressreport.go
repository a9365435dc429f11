package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// outcome is what became of the suite on one target.
type outcome struct {
	target   string
	files    map[string]fileOutcome
	notRun   []string
	took     time.Duration
	incident error // why not all was run, or a bug that the pooler has found in itself
}

// fileOutcome is what became of a file of the suite.
type fileOutcome struct {
	passed bool
	hung   bool   // and was ended
	diff   string // the path of what differs from what is expected
}

// passed counts.
func (o outcome) passed() (n int) {
	for _, f := range o.files {
		if f.passed {
			n++
		}
	}
	return n
}

// failures are the files that fail other than directly: on Postgres itself all that do; else those that pass there,
// or of which that is not known.
func (o outcome) failures(direct outcome) (names []string) {
	for name, f := range o.files {
		there, known := direct.files[name]
		if !f.passed && (o.target == direct.target || !known || there.passed) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// report prints how many files pass on each target, and which fail there though they pass directly.
func report(w io.Writer, outcomes []outcome, direct outcome) {
	fmt.Fprintf(w, "\n%-12s %6s %6s %7s %8s\n", "target", "passed", "failed", "not run", "time")
	for _, o := range outcomes {
		fmt.Fprintf(w, "%-12s %6d %6d %7d %8s\n", o.target, o.passed(), len(o.files)-o.passed(), len(o.notRun),
			o.took.Round(time.Second))
	}
	for _, o := range outcomes {
		o.explain(w, direct)
	}
}

// explain tells what the row of the table leaves open.
func (o outcome) explain(w io.Writer, direct outcome) {
	if o.incident != nil {
		fmt.Fprintf(w, "\n%s: %v\n", o.target, o.incident)
	}
	if len(o.notRun) > 0 {
		fmt.Fprintf(w, "\n%s did not come to %s\n", o.target, strings.Join(o.notRun, " "))
	}
	names := o.failures(direct)
	if len(names) == 0 {
		return
	}
	title := "fails, and direct does not"
	switch {
	case len(direct.files) == 0:
		title = "fails (to compare, run direct first)"
	case o.target == direct.target:
		title = "fails"
	}
	fmt.Fprintf(w, "\n%s %s:\n", o.target, title)
	for _, name := range names {
		f := o.files[name]
		if f.hung {
			name += " (hung)"
		}
		fmt.Fprintf(w, "  %-24s %s\n", name, f.diff)
	}
}
