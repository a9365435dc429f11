package looptest

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ForbidUring makes io_uring_setup fail with EPERM, as the seccomp profiles of Docker and containerd do, for this thread
// or for all of the process, and for what they become. It cannot be undone.
func ForbidUring(allThreads bool) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("giving up privileges: %w", err)
	}
	const (
		load, jumpIfEqual, answer = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
		allow, errno              = 0x7fff0000, 0x00050000
		setMode                   = 1
	)
	filter := []unix.SockFilter{
		{Code: load, K: 0}, // the system call's number
		{Code: jumpIfEqual, Jf: 1, K: unix.SYS_IO_URING_SETUP},
		{Code: answer, K: errno | uint32(unix.EPERM)},
		{Code: answer, K: allow},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	var flags uintptr
	if allThreads {
		flags = 1
	}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, setMode, flags, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	if e != 0 {
		return fmt.Errorf("installing a seccomp filter: %w", e)
	}
	return nil
}
