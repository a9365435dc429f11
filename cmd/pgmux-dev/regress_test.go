package main

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
)

// said is what pg_regress prints, with a group in which a file fails and one hangs.
const said = `(using postmaster on 127.0.0.1, port 5432)
============== running regression test queries        ==============
test test_setup                   ... ok          123 ms
parallel group (3 tests):  int4 guc async
     int4                         ... ok           12 ms
     guc                          ... FAILED       34 ms
     async                        ... FAILED (test process exited with exit code 124)   120000 ms
     random                       ... failed (ignored)       56 ms
`

func TestResultsAreReadFromWhatPgRegressPrints(t *testing.T) {
	want := map[string]fileOutcome{
		"test_setup": {passed: true},
		"int4":       {passed: true},
		"guc":        {},
		"async":      {hung: true},
		"random":     {},
	}
	if got := results(said); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEachFileHasItsDifferences(t *testing.T) {
	got := splitDiffs(`diff -U3 /s/expected/guc.out /o/results/guc.out
--- /s/expected/guc.out
+a line of guc

diff -U3 /s/expected/collate.icu.utf8_1.out /o/results/collate.icu.utf8.out
-a line of collate
`)
	for name, line := range map[string]string{"guc": "+a line of guc\n", "collate.icu.utf8": "-a line of collate\n"} {
		if !strings.HasPrefix(got[name], "diff ") || !strings.HasSuffix(got[name], "\n"+line) {
			t.Errorf("%s: got %q, want it to begin with its header and to end with %q", name, got[name], line)
		}
	}
	if len(got) != 2 {
		t.Errorf("got %d files, want 2", len(got))
	}
}

func TestAFileComesWithWhatItNeeds(t *testing.T) {
	const schedule = `# geometry depends on point
test: test_setup
ignore: random
test: point lseg line box path polygon circle date
test: geometry
test: create_index create_index_spgist
test: brin hash_index random
test: amutils
`
	want := `test: test_setup
test: point lseg line box path polygon circle
test: geometry
test: create_index create_index_spgist
test: brin hash_index
test: amutils
`
	if got := only(schedule, needs([]string{"amutils"})); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestTheReportTellsWhatOnlyThePoolerFails(t *testing.T) {
	direct := outcome{target: "direct", took: 43 * time.Second, files: map[string]fileOutcome{
		"int4": {passed: true}, "guc": {passed: true}, "async": {passed: true}, "locale": {diff: "direct/locale.diff"},
	}}
	pooled := outcome{target: "transaction", took: 90 * time.Second, files: map[string]fileOutcome{
		"int4": {passed: true}, "guc": {diff: "transaction/guc.diff"}, "locale": {diff: "transaction/locale.diff"},
		"async": {hung: true, diff: "transaction/async.diff"},
	}, notRun: []string{"stats"}, incident: errors.New("ended after 8m0s")}
	want := `
target       passed failed not run     time
direct            3      1       0      43s
transaction       1      3       1    1m30s

direct fails:
  locale                   direct/locale.diff

transaction: ended after 8m0s

transaction did not come to stats

transaction fails, and direct does not:
  async (hung)             transaction/async.diff
  guc                      transaction/guc.diff
`
	var b strings.Builder
	report(&b, []outcome{direct, pooled}, direct)
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhereDirectWasNotRunAllThatFailsIsTold(t *testing.T) {
	pooled := outcome{target: "session", files: map[string]fileOutcome{"guc": {diff: "session/guc.diff"}}}
	var b strings.Builder
	report(&b, []outcome{pooled}, outcome{target: "direct"})
	if got := b.String(); !strings.Contains(got, "run direct first") || !strings.Contains(got, "session/guc.diff") {
		t.Errorf("got %q, want guc, and how to compare", got)
	}
}
