package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Driver is a database driver of another language than Go, which tests run.
type Driver struct {
	Name string
	// Packages is what Debian calls it and what runs it; empty where npm brings it.
	Packages []string

	find func() (Runner, error)
}

// Runner starts programs that use a driver.
type Runner struct {
	// Command comes before the program's path.
	Command []string
	// Env is added to the environment.
	Env []string
}

// The drivers that tests know.
var (
	Psycopg = Driver{"psycopg", []string{"python3-psycopg", "python3-psycopg-pool"}, once(psycopg)}
	Asyncpg = Driver{"asyncpg", []string{"python3-asyncpg"}, once(asyncpg)}
	// Debian's runtime without a display has the compiler that a program in one source file needs.
	JDBC         = Driver{"JDBC", []string{"libpostgresql-jdbc-java", "default-jre-headless"}, once(java)}
	NodePostgres = Driver{Name: "node-postgres", find: once(node)}
	// Chromium is no driver of a database; tests look at our page with it. It is found and brought as they are.
	Chromium = Driver{"Chromium", []string{"chromium"}, once(chromium)}
)

// findTimeout bounds how long a driver is looked for: interpreters are started.
const findTimeout = time.Minute

// Find says how programs that use the driver are run, or what is missing. It looks once.
func (d Driver) Find() (Runner, error) {
	runner, err := d.find()
	if err != nil {
		return Runner{}, fmt.Errorf("no %s on this machine (`make test-deps` installs it where it can): %w", d.Name, err)
	}
	return runner, nil
}

// once remembers what there is, or that there is nothing.
func once(find func(context.Context) (Runner, error)) func() (Runner, error) {
	return sync.OnceValues(func() (Runner, error) {
		ctx, cancel := context.WithTimeout(context.Background(), findTimeout)
		defer cancel()
		return find(ctx)
	})
}

func psycopg(ctx context.Context) (Runner, error) {
	return python(ctx, "psycopg, psycopg_pool", newerLibpq()...)
}
func asyncpg(ctx context.Context) (Runner, error) { return python(ctx, "asyncpg") }

// python finds an interpreter that has modules: the system's, which has what the system's packages bring and may not be
// the first of the path, or else that.
func python(ctx context.Context, modules string, env ...string) (Runner, error) {
	var none error
	for _, interpreter := range []string{"/usr/bin/python3", "python3"} {
		cmd := exec.CommandContext(ctx, interpreter, "-c", "import "+modules)
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return Runner{Command: []string{interpreter}, Env: env}, nil
		}
		none = errors.Join(none, fmt.Errorf("asking %s: %w: %s", interpreter, err, lastLine(out)))
	}
	return Runner{}, none
}

// newerLibpq lets a program use the libpq of the Postgres that `make postgres18` has unpacked, which can do what the
// system's may not: direct TLS and protocol 3.2.
func newerLibpq() []string {
	unpacked, err := UnpackDir(18)
	if err != nil {
		return nil
	}
	if _, err := os.Stat(filepath.Join(unpacked, "lib", "libpq.so.5")); err != nil {
		return nil
	}
	return []string{"LD_LIBRARY_PATH=" + filepath.Join(unpacked, "lib")}
}

// java finds Debian's JDBC driver, and a Java that runs a program from its source. Of the compilers and garbage
// collectors it has it takes those that are ready first.
func java(ctx context.Context) (Runner, error) {
	const jar = "/usr/share/java/postgresql.jar"
	if _, err := os.Stat(jar); err != nil {
		return Runner{}, fmt.Errorf("looking for the driver: %w", err)
	}
	if out, err := exec.CommandContext(ctx, "java", "--describe-module", "jdk.compiler").CombinedOutput(); err != nil {
		return Runner{}, fmt.Errorf("asking java for its compiler: %w: %s", err, lastLine(out))
	}
	return Runner{Command: []string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", jar}}, nil
}

// node finds what `make test-deps` has unpacked.
func node(context.Context) (Runner, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return Runner{}, fmt.Errorf("looking for node: %w", err)
	}
	dir, err := NodePostgresDir()
	if err != nil {
		return Runner{}, err
	}
	modules := filepath.Join(dir, "node_modules")
	for _, p := range NodePostgresPackages {
		name, _, _ := strings.Cut(p, "@")
		if _, err := os.Stat(filepath.Join(modules, name)); err != nil {
			return Runner{}, fmt.Errorf("looking for the driver: %w", err)
		}
	}
	return Runner{Command: []string{"node"}, Env: []string{"NODE_PATH=" + modules}}, nil
}

// chromium finds a browser that the DevTools protocol drives, by the names that distributions give it.
func chromium(context.Context) (Runner, error) {
	var none error
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		program, err := exec.LookPath(name)
		if err == nil {
			return Runner{Command: []string{program}}, nil
		}
		none = errors.Join(none, err)
	}
	return Runner{}, fmt.Errorf("looking for a browser: %w", none)
}

// NodePostgresVersion is the version that tests are written for.
const NodePostgresVersion = "8.23.1"

// NodePostgresPackages is what npm is asked for: the driver, and its makers' cursors and streams.
var NodePostgresPackages = []string{"pg@" + NodePostgresVersion, "pg-query-stream@4.17.0", "pg-cursor@2.22.0", "pg-copy-streams@7.0.0"}

// NodePostgresDir is where npm puts node-postgres for tests, in its folder node_modules.
func NodePostgresDir() (string, error) {
	dir, err := CacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "node-postgres-"+NodePostgresVersion), nil
}

// lastLine is what a program that failed has to say in short.
func lastLine(out []byte) string {
	text := strings.TrimSpace(string(out))
	return text[strings.LastIndexByte(text, '\n')+1:]
}
