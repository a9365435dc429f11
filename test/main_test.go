//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// patience bounds every wait for something that should come at once, on a machine that does much else.
const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	code := 1
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
	} else {
		code = m.Run()
	}
	tearDown()
	os.Exit(code)
}

// setUp checks that there is something to test with.
func setUp() error {
	if len(pgtest.Versions()) == 0 {
		return pgtest.ErrNoServer
	}
	if direct() {
		return nil
	}
	if _, err := os.Stat(caddyBinary()); err != nil {
		return fmt.Errorf("no program to test (run `make build`): %w", err)
	}
	return nil
}

// direct reports that the suites are held against Postgres itself.
func direct() bool { return os.Getenv("E2E_TARGET") == "direct" }

func caddyBinary() string {
	if path := os.Getenv("E2E_CADDY"); path != "" {
		return path
	}
	return "../bin/caddy"
}

// drivers lists the I/O drivers to test.
func drivers() []string {
	if direct() {
		return []string{"direct"}
	}
	if list := os.Getenv("E2E_DRIVERS"); list != "" {
		return strings.Split(list, ",")
	}
	return []string{"io_uring", "epoll"}
}

// versions lists the Postgres versions to test on, the oldest first.
func versions() []int {
	all := pgtest.Versions()
	list := os.Getenv("E2E_VERSIONS")
	if list == "" {
		return all
	}
	var chosen []int
	for _, word := range strings.Split(list, ",") {
		if v, err := strconv.Atoi(word); err == nil && slices.Contains(all, v) {
			chosen = append(chosen, v)
		}
	}
	return chosen
}

// shared is the servers that tests have in common: those that do not stop or reconfigure theirs.
var shared struct {
	sync.Mutex
	servers map[int]*pgtest.Server
}

// postgres returns the common server of a version: everybody is let in, database app belongs to role app and holds
// the pgbench tables at scale 10.
func postgres(t *testing.T, version int) *pgtest.Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if s := shared.servers[version]; s != nil {
		return s
	}
	s, err := pgtest.Launch(context.Background(), commonOptions(version))
	if err != nil {
		t.Fatalf("starting Postgres %d: %v", version, err)
	}
	if shared.servers == nil {
		shared.servers = make(map[int]*pgtest.Server)
	}
	shared.servers[version] = s
	return s
}

// commonOptions is how most suites want their server. The log names statements that failed.
func commonOptions(version int) pgtest.Options {
	return pgtest.Options{
		Version:        version,
		MaxConnections: 250,
		Roles:          []pgtest.Role{{Name: "app", Password: "secret"}, {Name: "other", Password: "secret"}},
		Databases:      []string{"app"},
	}
}

func tearDown() {
	for _, s := range shared.servers {
		if err := s.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e: stopping Postgres:", err)
		}
	}
	if err := stopCommonCluster(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: stopping Postgres:", err)
	}
}
