//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// compiled compiles the Java sources of a directory, whose Main is the program. From its source a program would be compiled at
// every start, and could have one file only.
func compiled(t *testing.T, r pgtest.Runner, cases string) []string {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(cases, "*.java"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), programDeadline)
	defer cancel()
	classes := t.TempDir()
	words := append([]string{"-m", "jdk.compiler/com.sun.tools.javac.Main", "-proc:none", "-cp", classPath(r), "-d", classes}, sources...)
	if out, err := exec.CommandContext(ctx, r.Command[0], words...).CombinedOutput(); err != nil {
		t.Fatalf("compiling %s: %v\n%s", strings.Join(sources, " "), err, out)
	}
	return []string{"-cp", classPath(r) + string(os.PathListSeparator) + classes, "Main"}
}

// classPath is what a runner has after its -cp.
func classPath(r pgtest.Runner) string {
	for i, word := range r.Command[:len(r.Command)-1] {
		if word == "-cp" {
			return r.Command[i+1]
		}
	}
	return ""
}
