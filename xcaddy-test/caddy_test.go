//go:build xcaddy

package xcaddytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// patience bounds every wait.
const patience = time.Minute

// user is somebody with the program, a home directory and a Caddyfile.
type user struct {
	t                *testing.T
	binary, home     string
	admin, listen    string // addresses of the running program
	upstream, secret string
	output           *bytes.Buffer // of run
	ended            chan error
}

func newUser(t *testing.T) *user {
	t.Helper()
	binary := os.Getenv("XCADDY_BINARY")
	if binary == "" {
		binary = "../bin/caddy-xcaddy"
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("no program to test: run `make xcaddy`: %v", err)
	}
	return &user{t: t, binary: binary, home: t.TempDir(), admin: freeAddress(t), listen: freeAddress(t), upstream: "127.0.0.1:1", secret: "none"}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := pgtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// caddyfile writes the basic example, with addresses of its own and these replacements, and returns its path.
func (u *user) caddyfile(replacements ...string) string {
	u.t.Helper()
	text, err := os.ReadFile("../examples/basic.Caddyfile")
	if err != nil {
		u.t.Fatal(err)
	}
	r := strings.NewReplacer(append([]string{"localhost:2019\n\n\tpostgres", u.admin + "\n\n\tpostgres", "127.0.0.1:6432 {", u.listen + " {"}, replacements...)...)
	path := filepath.Join(u.home, "Caddyfile")
	if err := os.WriteFile(path, []byte(r.Replace(string(text))), 0o600); err != nil {
		u.t.Fatal(err)
	}
	return path
}

func (u *user) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, u.binary, args...)
	cmd.Env = append(os.Environ(), "HOME="+u.home, "XDG_CONFIG_HOME="+u.home, "XDG_DATA_HOME="+u.home,
		"PGMUX_UPSTREAM="+u.upstream, "PGMUX_PASSWORD="+u.secret)
	return cmd
}

// caddy runs one command to its end.
func (u *user) caddy(args ...string) (output string, err error) {
	u.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	out, err := u.command(ctx, args...).CombinedOutput()
	return string(out), err
}

// must is caddy for what has to succeed.
func (u *user) must(args ...string) string {
	u.t.Helper()
	out, err := u.caddy(args...)
	if err != nil {
		u.t.Fatalf("caddy %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// run starts `caddy run` and waits until its admin API answers.
func (u *user) run(config string) {
	u.t.Helper()
	ctx, kill := context.WithCancel(context.Background())
	cmd := u.command(ctx, "run", "--config", config)
	u.output = new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = u.output, u.output
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.ended = make(chan error, 1)
	done := make(chan struct{})
	go func() { u.ended <- cmd.Wait(); close(done) }()
	u.t.Cleanup(func() {
		kill()
		<-done
		if u.t.Failed() {
			u.t.Logf("caddy run:\n%s", u.output)
		}
	})
	u.eventually("the admin API answers", func() error { _, err := u.get("/config/"); return err })
}

// get is a GET of the admin API.
func (u *user) get(path string) (string, error) {
	client := http.Client{Timeout: patience}
	response, err := client.Get("http://" + u.admin + path)
	for try := 0; try < 20 && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF)); try++ { // it came to a listener that was just replaced
		time.Sleep(10 * time.Millisecond)
		response, err = client.Get("http://" + u.admin + path)
	}
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", path, response.Status, body)
	}
	return string(body), err
}

// eventually tries until it works.
func (u *user) eventually(what string, try func() error) {
	u.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			u.t.Fatalf("%s: not within %v: %v", what, patience, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
