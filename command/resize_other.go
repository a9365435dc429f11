//go:build !unix

package command

import "os"

// notifyResize tells nothing here: the next picture has the new size.
func notifyResize(chan os.Signal) {}
