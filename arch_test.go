package pgmux

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pgmux/caddy-pgmux"

// mayImport is the table of docs/design.md: which packages of this module a package may import, tests aside.
// Imports go downwards only. `…/*` stands for a package's own internal ones.
var mayImport = map[string][]string{
	"internal/loop":     {},
	"internal/pgwire":   {},
	"internal/sql":      {},
	"internal/scram":    {},
	"internal/pool":     {},
	"internal/prepared": {"internal/pgwire"},
	"routing":           {"internal/sql"},
	"querycache":        {"internal/pgwire", "internal/sql"},
	"uring":             {"internal/loop", "uring/internal/*"},
	"uring/internal/*":  {"uring/internal/*"},
	"internal/epoll":    {"internal/loop"},
	"internal/secure":   {"internal/loop"},
	"internal/session":  {"internal/pgwire", "internal/prepared", "internal/sql"},
	"internal/engine": {"internal/loop", "internal/pgwire", "internal/session", "internal/pool", "internal/prepared",
		"routing", "querycache", "internal/sql"},
	"internal/login":     {"internal/pgwire", "internal/scram", "internal/secure"},
	"internal/prober":    {"internal/login", "routing"},
	"internal/again":     {},
	"internal/changes":   {"internal/again", "internal/login", "internal/pgwire"},
	"internal/fleet":     {"internal/again", "querycache"},
	"internal/grammar":   {"internal/sql"},
	"internal/discovery": {},
	"internal/console":   {"internal/engine"},
	"internal/adminapi":  {},
	"internal/dashboard": {},
	"config":             {},
	"caddyfile":          {"config"},
	"adapters":           {"config"},
	"poolhandler":        {"*"},
	"command":            {"config", "internal/adminapi"},
	"":                   {"poolhandler", "caddyfile", "adapters", "command"},
	"cmd/caddy":          {""},
	"cmd/pgmux-dev":      {"internal/pgtest", "internal/redistest"},

	// Of tests and for tests.
	"internal/loop/looptest": {"internal/loop"},
	"internal/sim":           {"internal/loop", "internal/loop/looptest", "internal/engine", "internal/pgwire", "internal/sql", "routing", "querycache"},
	"internal/pgtest":        {"internal/pgwire"},
	"internal/redistest":     {"internal/pgtest"},
	"internal/ptytest":       {},
	"internal/enginetest":    {},
	"internal/checker":       {},
	"examples":               {""},
	"xcaddy-test":            {"internal/pgtest"},
	"test":                   {"*"},
}

// pure packages use the standard library only, and of it neither net nor os; they start no goroutines and do not
// ask for the time. They are told what happens, so that tests can tell them anything.
var pure = []string{
	"internal/loop", "internal/pgwire", "internal/sql", "internal/scram", "internal/pool", "internal/prepared",
	"routing", "querycache", "internal/session", "internal/engine", "internal/dashboard",
}

// knowsCaddy, knowsPgproto3 and knowsRedis are the only packages that may import those.
var (
	knowsCaddy    = []string{"", "cmd/caddy", "config", "caddyfile", "adapters", "poolhandler", "command", "examples"}
	knowsPgproto3 = []string{"internal/login", "internal/prober", "internal/console", "internal/pgtest"}
	knowsRedis    = []string{"poolhandler"}
)

// listed is what `go list -json` tells of a package.
type listed struct {
	ImportPath, Dir  string
	Standard         bool
	GoFiles, Imports []string
}

func (p listed) name() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "./...")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(out); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("go list: %v", err)
	}
	return all
}

// TestImportsGoDownwards checks the table.
func TestImportsGoDownwards(t *testing.T) {
	for _, p := range list(t) {
		allowed, known := lookUp(p.name())
		if !known {
			t.Errorf("package %q is not in the table: add it there and in docs/design.md, with what it may import", p.name())
			continue
		}
		for _, imported := range p.Imports {
			rest, ours := strings.CutPrefix(imported, module)
			if ours && !matches(allowed, strings.TrimPrefix(rest, "/")) {
				t.Errorf("%s imports %s; it may import %q", p.name(), rest, allowed)
			}
		}
	}
}

// TestOthersAreKnownWhereTheyBelong keeps Caddy out of the engine, and pgproto3 out of the data plane.
func TestOthersAreKnownWhereTheyBelong(t *testing.T) {
	for _, p := range list(t) {
		for _, imported := range p.Imports {
			caddy := strings.HasPrefix(imported, "github.com/caddyserver/") || strings.HasPrefix(imported, "github.com/mholt/")
			if caddy && !slices.Contains(knowsCaddy, p.name()) {
				t.Errorf("%s imports %s; Caddy is known to %q only", p.name(), imported, knowsCaddy)
			}
			if strings.HasSuffix(imported, "/pgproto3") && !slices.Contains(knowsPgproto3, p.name()) {
				t.Errorf("%s imports %s; it is known to %q only", p.name(), imported, knowsPgproto3)
			}
		}
	}
}

// TestRedisIsKnownToTheStore keeps it out of everything else.
func TestRedisIsKnownToTheStore(t *testing.T) {
	for _, p := range list(t) {
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "github.com/redis/") && !slices.Contains(knowsRedis, p.name()) {
				t.Errorf("%s imports %s; it is known to %q only", p.name(), imported, knowsRedis)
			}
		}
	}
}

// TestPurePackagesArePure checks what pure means.
func TestPurePackagesArePure(t *testing.T) {
	for _, p := range list(t) {
		if !slices.Contains(pure, p.name()) {
			continue
		}
		for _, imported := range p.Imports {
			first, _, _ := strings.Cut(imported, "/")
			ours := imported == module || strings.HasPrefix(imported, module+"/")
			switch {
			case strings.Contains(first, ".") && !ours:
				t.Errorf("%s imports %s; it is pure, so only the standard library", p.name(), imported)
			case first == "net" || first == "os" || imported == "syscall":
				t.Errorf("%s imports %s; it is pure, so it is told what happens outside", p.name(), imported)
			}
		}
		for _, file := range p.GoFiles {
			checkPureFile(t, filepath.Join(p.Dir, file))
		}
	}
}

// checkPureFile finds go statements and the clock.
func checkPureFile(t *testing.T, path string) {
	t.Helper()
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s: a goroutine in a pure package", files.Position(n.Pos()))
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, n.Sel.Name) {
				t.Errorf("%s: time.%s in a pure package; the time is an argument", files.Position(n.Pos()), n.Sel.Name)
			}
		}
		return true
	})
}

var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

func lookUp(name string) (allowed []string, known bool) {
	for pattern, allowed := range mayImport {
		if matches([]string{pattern}, name) && pattern != "*" {
			return allowed, true
		}
	}
	return nil, false
}

func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		prefix, isPrefix := strings.CutSuffix(p, "*")
		if p == name || isPrefix && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
