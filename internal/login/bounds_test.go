package login

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// waitedOut is the bound of a login that is to get somewhere, and then to pass it in silence: no more, as it is waited
// out, and no less, as the machine may be busy with others for seconds. Such tests are parallel.
const waitedOut = 10 * time.Second

// Trap 36: whoever sends little, slowly or nonsense costs bounded time and memory, and is not answered.
func TestTrap36AcceptIsBounded(t *testing.T) {
	t.Parallel()
	t.Run("silence", func(t *testing.T) {
		address, results := accepting(t, 50*time.Millisecond, Auth{})
		conn := connect(t, "tcp", address)
		if a := result(t, results); !errors.Is(a.err, context.DeadlineExceeded) {
			t.Fatal(a.err)
		}
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil || outOfTime(err) {
			t.Fatal("the connection is open")
		}
	})
	t.Run("dribble", func(t *testing.T) {
		address, results := accepting(t, 100*time.Millisecond, Auth{})
		conn := connect(t, "tcp", address)
		for _, c := range startup("user", strings.Repeat("u", 9000)) {
			if _, err := conn.Write([]byte{c}); err != nil {
				break
			}
			time.Sleep(time.Millisecond) // the client is slow; nothing waits for it but the deadline
		}
		if a := result(t, results); !errors.Is(a.err, context.DeadlineExceeded) {
			t.Fatal(a.err)
		}
	})
	t.Run("silence before the proof", func(t *testing.T) {
		t.Parallel()
		address, results := accepting(t, waitedOut, Auth{Method: ScramSHA256, Credentials: Users{}})
		conn := connect(t, "tcp", address)
		conn.Write(startup("user", "u"))
		if a := result(t, results); !errors.Is(a.err, context.DeadlineExceeded) {
			t.Fatal(a.err)
		}
		conn.SetReadDeadline(time.Now().Add(generous))
		if said, _ := io.ReadAll(conn); !strings.Contains(string(said), "57014") {
			t.Fatalf("told %q, want 57014", said)
		}
	})
	t.Run("every byte alone", func(t *testing.T) {
		address, results := accepting(t, generous, Auth{Method: Trust})
		conn := connect(t, "tcp", address)
		for _, c := range startup("user", "u", "application_name", "dribbler") {
			conn.Write([]byte{c})
		}
		if a := result(t, results); a.err != nil {
			t.Fatal(a.err)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		address, results := accepting(t, generous, Auth{Method: Trust})
		connect(t, "tcp", address).Close()
		if a := result(t, results); !errors.Is(a.err, io.EOF) {
			t.Fatal(a.err)
		}
	})
	t.Run("half a packet", func(t *testing.T) {
		address, results := accepting(t, generous, Auth{Method: Trust})
		conn := connect(t, "tcp", address)
		conn.Write(startup("user", "u")[:9])
		conn.Close()
		if a := result(t, results); !errors.Is(a.err, io.ErrUnexpectedEOF) {
			t.Fatal(a.err)
		}
	})
	t.Run("largest startup", func(t *testing.T) {
		address, results := accepting(t, generous, Auth{Method: Trust})
		fixed := len(startup("user", "u", "a", ""))
		connect(t, "tcp", address).Write(startup("user", "u", "a", strings.Repeat("x", maxStartupBytes+4-fixed)))
		if a := result(t, results); a.err != nil {
			t.Fatal(a.err)
		}
		connect(t, "tcp", address).Write(startup("user", "u", "a", strings.Repeat("x", maxStartupBytes+5-fixed)))
		if a := result(t, results); a.err == nil {
			t.Fatal("a startup packet over the bound is taken")
		}
	})
	t.Run("context ends", func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		ctx, cancel := context.WithCancelCause(context.Background())
		why := errors.New("going away")
		cancel(why)
		if _, _, err := Accept(ctx, ours, nil, trustAll); !errors.Is(err, why) {
			t.Fatal(err)
		}
	})
}

// A refused client reads why, although it has sent more than was read.
func TestRefusalIsNotLostToAReset(t *testing.T) {
	address, results := accepting(t, generous, Auth{Method: Trust})
	for range 20 {
		conn := connect(t, "tcp", address)
		conn.Write(append(startup("user", "u", "database", "nowhere"), make([]byte, 20_000)...))
		if said := replies(t, conn); !strings.Contains(said, "3D000") {
			t.Fatal(said)
		}
		conn.Close()
		result(t, results)
	}
}

func TestRefusalFieldsAreInPostgresOrder(t *testing.T) {
	got := string((&Refusal{SQLState: "53300", Message: "m", Detail: "d", Hint: "h", Cause: errors.New("secret")}).encode()[headerBytes:])
	if want := "SFATAL\x00VFATAL\x00C53300\x00Mm\x00Dd\x00Hh\x00\x00"; got != want {
		t.Fatalf("%q", got)
	}
}
