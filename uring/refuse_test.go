//go:build linux

package uring

import (
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// refuse makes io_uring_setup fail with EPERM for the whole process, as the seccomp profiles of Docker and containerd do.
func refuse(t *testing.T) {
	if _, err := unix.PrctlRetInt(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Skipf("no seccomp: %v", err)
	}
	const (
		load, jumpIfEqual, answer = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
		allow, errno              = 0x7fff0000, 0x00050000
		setMode, allThreads       = 1, 1
	)
	filter := []unix.SockFilter{
		{Code: load, K: 0}, // the system call's number
		{Code: jumpIfEqual, Jf: 1, K: unix.SYS_IO_URING_SETUP},
		{Code: answer, K: errno | uint32(unix.EPERM)},
		{Code: answer, K: allow},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, setMode, allThreads, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	if e != 0 {
		t.Skipf("no seccomp: %v", e)
	}
}
