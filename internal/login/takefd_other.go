//go:build !unix

package login

import (
	"errors"
	"net"
)

// TakeFD takes a plain socket out of Go. Only Unix systems can.
func TakeFD(net.Conn) (int, error) {
	return -1, errors.New("taking over a connection: this system cannot, use Linux")
}
