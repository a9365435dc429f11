package dashboard

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What the page computes of two views is held by testdata/figures.js, where node is there to run it; what it draws, by the browser in ../../test.
func TestThePageComputesWhatItShould(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skipf("nobody here runs JavaScript (`make test-deps` brings what it can): %v", err)
	}
	checks, err := os.ReadFile("testdata/figures.js")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "-")
	cmd.Stdin = strings.NewReader(`"use strict";` + "\n" + join("script", []string{"dom.js", "format.js", "series.js", "sample.js", "problems.js", "live.js"}) + string(checks))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
