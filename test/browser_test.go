//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// browser is a Chromium without a window, told what to do in its DevTools protocol (chromedevtools.github.io/devtools-protocol) over a pair of
// pipes: JSON messages, each with a zero byte behind it.
type browser struct {
	to *os.File

	mu      sync.Mutex
	last    int
	answers map[int]chan devtoolsMessage
	tabs    map[string]*tab // by session
	gone    error
}

// devtoolsMessage is an answer, which has an ID, or an event, which has a method.
type devtoolsMessage struct {
	ID        int             `json:"id"`
	SessionID string          `json:"sessionId"`
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params"`
	Result    json.RawMessage `json:"result"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// startBrowser starts Chromium, and ends it at the test's end; without Chromium the test is skipped.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	runner, err := pgtest.Chromium.Find()
	if err != nil {
		t.Skip(err)
	}
	// Of the program: descriptor 3 to read, 4 to write.
	in, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir, which must be gone at once: Chromium's children end after it, and may still write.
	profile, err := os.MkdirTemp("", "pgmux-browser-")
	if err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	cmd := exec.Command(runner.Command[0], "--headless=new", "--remote-debugging-pipe", "--user-data-dir="+profile, "--no-first-run",
		"--no-sandbox", // it may not have one as root, and sees nothing but our page
		"--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-background-networking", "--disable-component-update", "about:blank")
	cmd.ExtraFiles = []*os.File{in, out}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	in.Close()
	out.Close()
	b := &browser{to: to, answers: make(map[int]chan devtoolsMessage), tabs: make(map[string]*tab)}
	go b.read(from)
	t.Cleanup(func() {
		to.Close()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it and its children, which hold its directory
		_ = cmd.Wait()
		from.Close()
		for end := time.Now().Add(patience); os.RemoveAll(profile) != nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		}
		if t.Failed() {
			t.Logf("Chromium said:\n%s", log.String())
		}
	})
	return b
}

// read gives answers to who asked, and events to their tab, until the browser has gone.
func (b *browser) read(from *os.File) {
	r := bufio.NewReader(from)
	for {
		text, err := r.ReadBytes(0)
		var m devtoolsMessage
		if err == nil {
			err = json.Unmarshal(text[:len(text)-1], &m)
		}
		b.mu.Lock()
		if err != nil {
			b.gone = fmt.Errorf("the browser has gone: %w", err)
			for _, answer := range b.answers {
				close(answer)
			}
			b.answers = nil
			b.mu.Unlock()
			return
		}
		answer, asker := b.answers[m.ID], b.tabs[m.SessionID]
		delete(b.answers, m.ID)
		b.mu.Unlock()
		if m.Method == "" && answer != nil {
			answer <- m
		} else if asker != nil {
			asker.event(m)
		}
	}
}

// call asks the browser, or one of its tabs, and waits for the answer.
func (b *browser) call(session, method string, params, into any) error {
	answer, err := b.send(session, method, params)
	if err != nil {
		return err
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			return b.gone
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		case into == nil:
			return nil
		}
		return json.Unmarshal(m.Result, into)
	case <-time.After(patience):
		return fmt.Errorf("%s: no answer within %v", method, patience)
	}
}

// send asks, and tells where the answer will come.
func (b *browser) send(session, method string, params any) (<-chan devtoolsMessage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone != nil {
		return nil, b.gone
	}
	b.last++
	message := map[string]any{"id": b.last, "method": method}
	if params != nil {
		message["params"] = params
	}
	if session != "" {
		message["sessionId"] = session
	}
	text, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", method, err)
	}
	answer := make(chan devtoolsMessage, 1)
	b.answers[b.last] = answer
	if _, err := b.to.Write(append(text, 0)); err != nil {
		return nil, fmt.Errorf("telling the browser: %w", err)
	}
	return answer, nil
}
