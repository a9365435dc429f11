package proc

import "golang.org/x/sys/unix"

// DescriptorLimit is how many descriptors this process, and those it starts, may have open. The Go runtime has raised
// it to the hard limit.
func DescriptorLimit() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur, 1<<20))
}
