package rival

import (
	"fmt"
	"os/exec"
	"strconv"
)

// Relay is the bare relay of package relay, run by this very program.
type Relay struct{}

// Name is how the tables call it.
func (Relay) Name() string { return "relay" }

// Prepares is false: it passes everything through.
func (Relay) Prepares() bool { return false }

// Follows is false.
func (Relay) Follows(string) bool { return false }

// Command runs it.
func (Relay) Command(s Setting, dir string, port int) (*exec.Cmd, error) {
	return exec.Command("/proc/self/exe", "relay",
		"-listen", fmt.Sprintf("127.0.0.1:%d", port), "-backend", s.Backend,
		"-servers", strconv.Itoa(s.Servers), "-driver", s.Driver), nil
}
