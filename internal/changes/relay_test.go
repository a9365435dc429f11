package changes

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// relay stands before a server, and can stop to forward what the server says.
type relay struct {
	address string
	mu      sync.Mutex
	silent  bool
	conns   []net.Conn
}

func newRelay(t *testing.T, server string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	r := &relay{address: l.Addr().String()}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				near.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, near, far)
			r.mu.Unlock()
			go io.Copy(far, near)
			go r.forward(near, far)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range r.conns {
			c.Close()
		}
	})
	return r
}

// forward swallows what comes while it is silent.
func (r *relay) forward(near, far net.Conn) {
	defer near.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := far.Read(b)
		if err != nil {
			return
		}
		r.mu.Lock()
		silent := r.silent
		r.mu.Unlock()
		if silent {
			continue
		}
		if _, err := near.Write(b[:n]); err != nil {
			return
		}
	}
}

func (r *relay) hush(silent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = silent
}

// slowConn reads little at a time.
type slowConn struct{ net.Conn }

func (c *slowConn) Read(b []byte) (int, error) {
	time.Sleep(2 * time.Millisecond)
	return c.Conn.Read(b[:min(len(b), 8<<10)])
}
