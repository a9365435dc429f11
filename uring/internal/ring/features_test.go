//go:build linux && !giouring

package ring

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// features is each, and since which Linux it can be had.
var features = []struct {
	name         string
	is           Features
	major, minor int
}{
	{"RegisteredRing", RegisteredRing, 5, 18},
	{"NoArray", NoArray, 6, 6},
	{"NoIOWait", NoIOWait, 6, 15},
}

// linux reports whether this kernel is of that version or a later one.
func linux(t *testing.T, major, minor int) bool {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var a, b int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &a, &b); err != nil {
		t.Fatalf("reading the kernel's version: %v", err)
	}
	return a > major || a == major && b >= minor
}

// The whole suite again without each feature, and without all: as on older kernels.
func TestWithoutFeatures(t *testing.T) {
	if testConfig.Without != 0 {
		t.Skip("this is without some already")
	}
	again := func(name string, without Features) {
		t.Run(name, func(t *testing.T) {
			self := exec.Command(os.Args[0], fmt.Sprintf("-without=%d", without), "-test.v")
			if out, err := self.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	for _, f := range features {
		again(f.name, f.is)
	}
	again("all", AllFeatures)
}

// What this kernel has is used, and what is to be left out is not.
func TestFeatures(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	for _, f := range features {
		want := linux(t, f.major, f.minor) && testConfig.Without&f.is == 0
		if used := r.Features()&f.is != 0; used != want {
			t.Errorf("%s is used: %v, want %v", f.name, used, want)
		}
	}
}

// A kernel that does not know a flag refuses to set up, and is asked again without.
func TestUnknownSetupFlag(t *testing.T) {
	const unknown = 1 << 31
	k, err := newKernel(testConfig, unknown|setupNoArray)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if k.Features()&NoArray != 0 {
		t.Error("a flag is used that was refused")
	}
}

func TestNoArrayIsSmaller(t *testing.T) {
	if !linux(t, 6, 6) {
		t.Skip("needs Linux 6.6")
	}
	bytes := func(without Features) int {
		k, err := NewKernel(Config{Entries: 64, Completions: 64, Without: without})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		return len(k.rings)
	}
	if with, less := bytes(NoArray), bytes(0); with-less < 64*4 {
		t.Errorf("%d bytes with the array, %d without", with, less)
	}
}

// The proof that a ring is entered by its registered index: it works on while its descriptor is another file's. One
// that is not registered then fails.
func TestEntersByRegisteredIndex(t *testing.T) {
	for _, registered := range []bool{true, false} {
		c := testConfig
		c.Without = NoArray | NoIOWait
		if !registered {
			c.Without |= RegisteredRing
		}
		r, _ := newRig(t, c, noBuffers)
		giveBack := takeDescriptor(t, r.Ring.(*Kernel).fd)
		for name, enter := range map[string]func() error{
			"Flush": r.Flush, "Poll": r.Poll, "Block": func() error { return r.Block(0) },
		} {
			r.prepare(1).Nop()
			if err := enter(); (err == nil) != registered {
				t.Errorf("%s, registered: %v: %v", name, registered, err)
			}
		}
		giveBack()
	}
}

// takeDescriptor makes fd another file's until it is given back.
func takeDescriptor(t *testing.T, fd int) (giveBack func()) {
	t.Helper()
	kept, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	other, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(by int) {
		if err := unix.Dup3(by, fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		unix.Close(by)
	}
	replace(other)
	return func() { replace(kept) }
}

// A thread has 16 registered rings; the next is entered by its descriptor.
func TestMoreRingsThanCanBeRegistered(t *testing.T) {
	const places = 16
	if testConfig.Without&RegisteredRing != 0 {
		t.Skip("none is registered")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range places + 1 {
		r, _ := newRig(t, testConfig, noBuffers)
		if used := r.Features()&RegisteredRing != 0; used != (i < places) {
			t.Errorf("ring %d is registered: %v", i, used)
		}
		r.prepare(1).Nop()
		r.push()
		r.expect(1, 0)
	}
}
