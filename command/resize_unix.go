//go:build unix

package command

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyResize tells when the terminal has another size.
func notifyResize(to chan os.Signal) { signal.Notify(to, syscall.SIGWINCH) }
