//go:build !linux

package poolhandler

func fileLimit() (uint64, error)      { return 0, errLinuxOnly }
func nextFD() (int, error)            { return -1, errLinuxOnly }
func closeFD(int)                     {}
func duplicate(int) (int, error)      { return -1, errLinuxOnly }
func socketPair() (p [2]int, _ error) { return p, errLinuxOnly }
func setBacklog(int, int) error       { return errLinuxOnly }
func setOptions(int)                  {}
func listenName(int) string           { return "" }
