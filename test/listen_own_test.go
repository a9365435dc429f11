//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// visitors come, log in, ask and go, again and again, and count what happened to them.
type visitors struct {
	stop   chan struct{}
	all    sync.WaitGroup
	mu     sync.Mutex
	served int
	told   map[string]int // refusals, by SQLSTATE
	lost   []error        // everything else
}

// startVisitors starts so many.
func startVisitors(addr string, n int) *visitors {
	v := &visitors{stop: make(chan struct{}), told: map[string]int{}}
	for range n {
		v.all.Go(func() {
			for !v.over() {
				v.note(visit(addr))
			}
		})
	}
	return v
}

// visit is one of their visits.
func visit(addr string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgconn.Connect(ctx, pgtest.DSN(addr, "app", "secret", "app"))
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "SELECT 1").ReadAll(); err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	return nil
}

func (v *visitors) over() bool {
	select {
	case <-v.stop:
		return true
	default:
		return false
	}
}

func (v *visitors) note(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var told *pgconn.PgError
	switch {
	case err == nil:
		v.served++
	case errors.As(err, &told):
		v.told[told.Code]++
	default:
		v.lost = append(v.lost, err)
	}
}

// awaitServed waits until so many more visits went well.
func (v *visitors) awaitServed(t *testing.T, more int) {
	t.Helper()
	count := func() int {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.served
	}
	from := count()
	eventually(t, "visitors are served", func() error {
		if now := count(); now < from+more {
			return fmt.Errorf("%d of %d", now-from, more)
		}
		return nil
	})
}

// leave ends the visits and tells how they were.
func (v *visitors) leave(t *testing.T) {
	t.Helper()
	close(v.stop)
	v.all.Wait()
	t.Logf("%d visits were served, told %v, lost %d", v.served, v.told, len(v.lost))
	for i, err := range v.lost {
		if i == 10 {
			break
		}
		t.Errorf("lost: %v", err)
	}
}

// expect checks that nobody was told anything but these.
func (v *visitors) expect(t *testing.T, codes ...string) {
	t.Helper()
	for code, n := range v.told {
		if !strings.Contains(strings.Join(codes, " "), code) {
			t.Errorf("%d visitors were told %s", n, code)
		}
	}
}

// Nobody who comes while the configuration changes, again and again, notices.
func TestReloadsAmidAStorm(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing to reload")
		}
		p := startPooler(t, driver, server, settings{Listen: ownListener})
		v := startVisitors(p.Addr, 8)
		v.awaitServed(t, 50)
		before := p.descriptors()
		for i := range 12 {
			if err := p.reload(settings{Listen: ownListener, Pool: fmt.Sprintf("pool_size %d", 5+i%2)}); err != nil {
				t.Fatal(err)
			}
			v.awaitServed(t, 10)
		}
		v.leave(t)
		v.expect(t)
		p.awaitDescriptors(before + 6) // servers, which come as they are needed
	})
}

// An address that a reload takes away: who is in its queue is told, and then nobody listens there; what cannot be bound
// refuses the load, and nothing has changed.
func TestListenersComeAndGo(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing to reload")
		}
		p := startPooler(t, driver, server, settings{Listen: ownListener})
		before := p.descriptors()
		second := freeAddr(t)
		for range 10 {
			if err := p.reload(settings{Listen: ownListener + " " + second}); err != nil {
				t.Fatal(err)
			}
			if err := visit(second); err != nil {
				t.Fatal(err)
			}
			err := p.reload(settings{Listen: ownListener + " " + freeAddr(t) + " 192.0.2.1:6432"})
			if err == nil || !strings.Contains(err.Error(), "192.0.2.1:6432") || !strings.Contains(err.Error(), "no interface of this host") {
				t.Fatalf("an address that nobody has: %v", err)
			}
			if err := visit(second); err != nil {
				t.Fatalf("after a reload that was refused: %v", err)
			}
			if err := p.reload(settings{Listen: ownListener}); err != nil {
				t.Fatal(err)
			}
			if err := visit(second); err == nil || !strings.Contains(err.Error(), "refused") {
				t.Fatalf("after its address was removed: %v", err)
			}
			if err := visit(p.Addr); err != nil {
				t.Fatal(err)
			}
		}
		const later = 2 // a server, and a probe of its upstream, which the first visits bring about
		p.awaitDescriptors(before + later)
	})
}

// layer4 at the same address is refused.
func TestListenWhereLayer4Does(t *testing.T) {
	if direct() {
		t.Skip("nothing to load")
	}
	server := postgres(t, versions()[0])
	p := startPooler(t, drivers()[0], server, settings{})
	err := p.reload(settings{Pool: "listen " + p.Addr})
	if err == nil || !strings.Contains(err.Error(), "listens at "+p.Addr+" too") {
		t.Errorf("got %v", err)
	}
	if err := visit(p.Addr); err != nil {
		t.Error(err)
	}
}

// The peer's address, TLS and cancels are as through layer4.
func TestListenIsAsLayer4(t *testing.T) {
	a := newAuthority(t)
	id := a.server()
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("the pooler's own")
		}
		p := startPooler(t, driver, server, settings{Listen: ownListener, Pool: "tls require\nmax_address_client_connections 1", Certificate: &id})
		config, err := pgconn.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%s user=app password=secret dbname=app sslmode=require", portOf(p.Addr)))
		if err != nil {
			t.Fatal(err)
		}
		config.TLSConfig = a.trust()
		conn, err := pgconn.ConnectConfig(within(t), config)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(within(t))
		ctx, done, cancelled := within(t), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(cancelled)
			for {
				select {
				case <-done:
					return
				case <-time.After(200 * time.Millisecond): // one that comes before the query does nothing
					_ = conn.CancelRequest(ctx)
				}
			}
		}()
		_, err = conn.Exec(ctx, "SELECT pg_sleep(60)").ReadAll()
		close(done)
		<-cancelled
		var told *pgconn.PgError
		if !errors.As(err, &told) || told.Code != "57014" {
			t.Errorf("cancelled: %v", err)
		}
		_, err = pgconn.ConnectConfig(within(t), config)
		if !errors.As(err, &told) || told.Code != "53300" || !strings.Contains(told.Message+told.Detail, "127.0.0.1") {
			t.Errorf("a second client of one address: %v", err)
		}
		config.TLSConfig = nil
		if _, err := pgconn.ConnectConfig(within(t), config); err == nil {
			t.Error("a client was let in without TLS")
		}
	})
}
