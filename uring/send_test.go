//go:build linux

package uring

import (
	"bytes"
	"io"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Bytes received in a turn can be sent on in that turn without a copy.
func TestForwardWithinTheTurn(t *testing.T) {
	r := newRig(t, Options{Buffers: 4, BufferBytes: 512})
	from, to := r.attach(alice), r.attach(bob)
	text := string(pattern(200 << 10))
	go io.WriteString(from, text)
	done := make(chan struct{})
	go func() {
		defer close(done)
		read(t, to, text)
	}()
	for n := 0; n < len(text); {
		events, _ := r.Wait(r.Now() + int64(testTimeout))
		var ops []loop.Op
		for _, e := range events {
			if e.Kind == loop.Received {
				ops = append(ops, sends(bob, e.Data)...)
				n += len(e.Data)
			}
		}
		r.Submit(ops)
	}
	<-done
}

// Several sends in a turn arrive in order, whatever form the send takes.
func TestSendsOfATurnAreOne(t *testing.T) {
	whole := pattern(100 << 10)
	cut := func(at ...int) (parts [][]byte) {
		last := 0
		for _, i := range at {
			parts = append(parts, whole[last:i])
			last = i
		}
		return parts
	}
	apart := func(parts [][]byte) [][]byte {
		for i := range parts {
			parts[i] = bytes.Clone(parts[i])
		}
		return parts
	}
	tiny := make([][]byte, 1500)
	for i := range tiny {
		tiny[i] = bytes.Clone(whole[i*20 : i*20+20])
	}
	for _, c := range []struct {
		name  string
		parts [][]byte
	}{
		{"contiguous", cut(10, 20, 300)},
		{"gathered", apart(cut(10, 20, 300))},
		{"vectors", apart(cut(10, 20, 30<<10))},
		{"more vectors than the kernel takes", tiny},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Options{})
			peer := r.attach(alice)
			before := r.count.submitted
			r.do(sends(alice, c.parts...)...)
			if n := r.count.submitted - before; n != 1 {
				t.Errorf("%d submissions, want 1", n)
			}
			read(t, peer, string(bytes.Join(c.parts, nil)))
		})
	}
}

func TestCongestion(t *testing.T) {
	r := newRig(t, Options{})
	peer := r.attach(alice)
	first, second, third := pattern(8<<20), []byte("second"), pattern(3<<20)
	want := string(first) + string(second) + string(third)
	r.do(sends(alice, first)...)
	clear(first) // ours again: what was not sent has been copied
	r.expect(loop.Congested, alice)
	r.do(sends(alice, second)...)
	r.do(sends(alice, third)...)
	clear(third)
	r.quiet()
	done := make(chan struct{})
	go func() {
		defer close(done)
		read(t, peer, want)
	}()
	r.expect(loop.Drained, alice)
	<-done
	r.do(sends(alice, second)...)
	read(t, peer, "second")
	r.quiet()
	if n := r.count.short; n != 1 {
		t.Errorf("%d short sends, want 1", n)
	}
}
