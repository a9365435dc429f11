package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pgxPrinted reads what `go test -json` would print, a line for each of "action package test output".
func pgxPrinted(t *testing.T, target string, lines ...string) pgxResults {
	t.Helper()
	var b strings.Builder
	for _, line := range lines {
		words := append(strings.SplitN(line, " ", 4), "", "", "")
		b.WriteString(`{"Action":"` + words[0] + `","Package":"` + pgxModule + words[1] + `","Test":"` + words[2] + `","Output":"` +
			words[3] + `"}` + "\n")
	}
	file := filepath.Join(t.TempDir(), "out.json")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := readPgxResults(target, file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPgxResults(t *testing.T) {
	direct := pgxPrinted(t, "direct",
		"run  TestA", "pass  TestA/part", "pass  TestA",
		"run /pgconn TestB", "pass /pgconn TestB", "pass /pgconn",
		"run /pgconn TestC", "skip /pgconn TestC",
		"run /pgtype TestD", "fail /pgtype TestD", "fail /pgtype",
		"pass /stdlib TestE", "pass /stdlib",
	)
	pooled := pgxPrinted(t, "transaction",
		"run  TestA", "output  TestA === RUN TestA", "output  TestA     a_test.go:7: expected 1", "fail  TestA/part", "fail  TestA", "fail ",
		"run /pgconn TestB", "output /pgconn TestB panic: test timed out", "fail /pgconn", // it never ended
		"skip /pgconn TestC",
		"fail /pgtype TestD", "fail /pgtype",
		"output /stdlib  build failed", "fail /stdlib", // no test was run
	)
	for _, c := range []struct {
		r                      pgxResults
		passed, failed, skiped int
	}{{direct, 3, 1, 1}, {pooled, 0, 4, 1}} {
		if p, f, s := c.r.count(passed), c.r.count(failed), c.r.count(skipped); p != c.passed || f != c.failed || s != c.skiped {
			t.Errorf("%s: %d passed, %d failed, %d skipped, want %d, %d, %d", c.r.target, p, f, s, c.passed, c.failed, c.skiped)
		}
	}
	var table strings.Builder
	err := pgxOptions{allowed: 2}.judge(&table, []pgxResults{direct, pooled})
	if err == nil || !strings.Contains(err.Error(), "3 tests fail") {
		t.Errorf("three failures, two allowed: %v", err)
	}
	for _, want := range []string{"3 tests fail transaction and not direct", "  TestA\n      a_test.go:7: expected 1\n",
		"  pgconn.TestB\n      panic: test timed out\n", "  stdlib.\n      build failed\n"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in:\n%s", want, table.String())
		}
	}
	if strings.Contains(table.String(), "TestD") {
		t.Errorf("what fails directly is none of the pooler's:\n%s", table.String())
	}
	for _, allowed := range []int{3, -1} {
		if err := (pgxOptions{allowed: allowed}).judge(&table, []pgxResults{direct, pooled}); err != nil {
			t.Errorf("allowed %d: %v", allowed, err)
		}
	}
}

func TestPgxEnvironmentHasNothingOfTheMachines(t *testing.T) {
	got := pgxEnvironment([]string{"PATH=/bin", "PGHOST=elsewhere", "PGX_TEST_DATABASE=precious", "HOME=/root"})
	if strings.Join(got, " ") != "PATH=/bin HOME=/root" {
		t.Errorf("the tests are told %q", got)
	}
}
