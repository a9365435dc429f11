package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// saidFile is what pg_regress has printed, in a target's directory.
const saidFile = "pg_regress.txt"

// resultLine is how pg_regress tells what became of a file, alone or in a group, and the exit status of its psql.
var resultLine = regexp.MustCompile(
	`(?m)^(?:test|    ) +(\S+) +\.\.\. (ok|FAILED|failed \(ignored\))(?: +\(test process exited with exit code (\d+)\))?`)

// readOutcome reads what pg_regress has left in a target's directory, however far it came, and lays the differences of
// each file into a file of its own.
func readOutcome(target, dir string) (outcome, error) {
	said, err := os.ReadFile(filepath.Join(dir, saidFile))
	if err != nil {
		return outcome{}, fmt.Errorf("reading what pg_regress says: %w", err)
	}
	diffs, err := os.ReadFile(filepath.Join(dir, "regression.diffs"))
	if err != nil && !os.IsNotExist(err) { // there is none if all is well
		return outcome{}, fmt.Errorf("reading the differences: %w", err)
	}
	o := outcome{target: target, files: results(string(said))}
	for name, diff := range splitDiffs(string(diffs)) {
		f := o.files[name]
		if f.diff, err = keepDiff(dir, name, diff); err != nil {
			return outcome{}, err
		}
		o.files[name] = f
	}
	return o, nil
}

// results reads what pg_regress has printed.
func results(said string) map[string]fileOutcome {
	files := map[string]fileOutcome{}
	for _, found := range resultLine.FindAllStringSubmatch(said, -1) {
		files[found[1]] = fileOutcome{passed: found[2] == "ok", hung: found[3] == strconv.Itoa(timedOut)}
	}
	return files
}

// diffHeader begins the differences of a file: "diff -U3 …/expected/int4.out …/results/int4.out".
var diffHeader = regexp.MustCompile(`(?m)^diff .*/results/(\S+)\.out\n`)

// splitDiffs takes the differences of all files apart.
func splitDiffs(text string) map[string]string {
	diffs := map[string]string{}
	headers := diffHeader.FindAllStringSubmatchIndex(text, -1)
	for i, at := range headers {
		end := len(text)
		if i+1 < len(headers) {
			end = headers[i+1][0]
		}
		diffs[text[at[2]:at[3]]] = strings.TrimRight(text[at[0]:end], "\n") + "\n"
	}
	return diffs
}

// keepDiff writes the differences of one file.
func keepDiff(dir, name, diff string) (string, error) {
	path := filepath.Join(dir, "diffs", name+".diff")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("making the directory of differences: %w", err)
	}
	if err := os.WriteFile(path, []byte(diff), 0o644); err != nil {
		return "", fmt.Errorf("keeping a difference: %w", err)
	}
	return path, nil
}
