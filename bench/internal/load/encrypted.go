package load

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/rig"
	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

// Encrypted are visitors over TLS. Each has a goroutine, as crypto/tls wants it; beside a handshake that costs little.
type Encrypted struct {
	address string
	who     wire.Identity
	config  *tls.Config
	number  atomic.Uint64 // of visits ever begun

	stopping atomic.Bool
	settled  sync.WaitGroup
	faults   faults

	mu        sync.Mutex
	measuring bool
	latencies Histogram
}

// NewEncrypted makes visitors of what listens at address.
func NewEncrypted(address string, who wire.Identity, config *tls.Config) *Encrypted {
	return &Encrypted{address: address, who: who, config: config}
}

// Start has n come at a time.
func (g *Encrypted) Start(n int) {
	for range n {
		g.settled.Go(func() {
			for !g.stopping.Load() {
				if err := g.visit(); err != nil {
					g.faults.note(err)
					return
				}
			}
		})
	}
}

// visit makes one, and counts it.
func (g *Encrypted) visit() error {
	began := time.Now()
	from := net.TCPAddr{IP: rig.Source(g.number.Add(1)).AsSlice()}
	plain, err := (&net.Dialer{LocalAddr: &from, Control: chooseSource}).Dial("tcp4", g.address)
	if err != nil {
		return fmt.Errorf("connecting a visitor: %w", err)
	}
	defer plain.Close()
	plain.SetDeadline(began.Add(patience))
	c, err := wire.Encrypt(plain, g.config)
	if err != nil {
		return err
	}
	var v visit
	answer := v.begin(nil, g.who)
	buffer := make([]byte, 4096)
	for over := false; ; {
		if _, err := c.Write(answer); err != nil {
			return fmt.Errorf("a visitor's connection broke: %w", err)
		}
		if over {
			return c.Close()
		}
		for answer = answer[:0]; len(answer) == 0; {
			n, err := c.Read(buffer)
			if err != nil {
				return fmt.Errorf("a visitor's connection broke: %w", err)
			}
			if answer, over, err = v.received(buffer[:n], answer); err != nil {
				return err
			}
		}
		if over {
			g.count(time.Since(began))
		}
	}
}

func (g *Encrypted) count(took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.measuring {
		g.latencies.Add(took.Nanoseconds(), 1)
	}
}

// Measure begins or ends the measured window, and returns how long the visits took that ended in it.
func (g *Encrypted) Measure(on bool) Histogram {
	g.mu.Lock()
	defer g.mu.Unlock()
	if on {
		g.latencies = Histogram{}
	}
	g.measuring = on
	return g.latencies
}

// Finish lets every visit come to its end.
func (g *Encrypted) Finish() error {
	g.stopping.Store(true)
	return awaitAll(&g.settled, &g.faults)
}

func chooseSource(_, _ string, c syscall.RawConn) error {
	var failed error
	if err := c.Control(func(fd uintptr) { failed = rig.ChooseSource(int(fd)) }); err != nil {
		return err
	}
	return failed
}
