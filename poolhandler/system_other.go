//go:build !linux

package poolhandler

import (
	"time"

	"github.com/pgmux/caddy-pgmux/config"
)

func fileLimit() (uint64, error)      { return 0, errLinuxOnly }
func nextFD() (int, error)            { return -1, errLinuxOnly }
func closeFD(int)                     {}
func duplicate(int) (int, error)      { return -1, errLinuxOnly }
func socketPair() (p [2]int, _ error) { return p, errLinuxOnly }
func setBacklog(int, int) error       { return errLinuxOnly }
func setOptions(int)                  {}
func listenName(int) string           { return "" }

func openEntrance(config.ListenAddress) (*entrance, error) { return nil, errLinuxOnly }
func (*entrance) setMode(string) error                     { return errLinuxOnly }
func (*entrance) unlink()                                  {}
func acceptFD(int) (int, error)                            { return -1, errLinuxOnly }
func sharersOf(int) int                                    { return 0 }
func (*entrance) steerAway(*process) bool                  { return false }
func (*entrance) await(time.Duration)                      {}

const handshakePatience = 0
