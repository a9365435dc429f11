package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/proc"
	"github.com/pgmux/caddy-pgmux/bench/internal/report"
	"github.com/pgmux/caddy-pgmux/bench/internal/rig"
	"github.com/pgmux/caddy-pgmux/bench/internal/rival"
	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

const (
	// settlers is how many clients log in and query before the first reading, so that what a pooler allocates once is
	// there.
	settlers = 200
	// spareDescriptors of RLIMIT_NOFILE are for other things than clients: in a pooler, servers, rings and what
	// admission holds back.
	spareDescriptors = 1500
	// hands is how many clients do something at the same time.
	hands = 16
)

// idle measures the memory of clients that are logged in and do nothing, before and after their first query.
func idle(args []string) error {
	fs := flag.NewFlagSet("idle", flag.ContinueOnError)
	clients := fs.Int("clients", 10000, "idle clients; RLIMIT_NOFILE bounds them")
	names := fs.String("poolers", "pgbouncer,pgmux", "what to compare")
	program := fs.String("caddy", "../bin/caddy", "the caddy with our module")
	servers := fs.Int("servers", 20, "pool size")
	driver := fs.String("driver", "auto", "io_uring, epoll or auto")
	settle := fs.Duration("settle", 3*time.Second, "time before a reading")
	results := fs.String("results", "results", "directory for idle.md; empty: none")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if err := (window{loadCPU: 1}).pinSelf(); err != nil {
		return err
	}
	port, err := rival.FreePort()
	if err != nil {
		return err
	}
	admin := fmt.Sprintf("127.0.0.1:%d", port)
	found, err := contenders(*names, rival.Pgmux{Program: *program, Admin: admin})
	if err != nil {
		return err
	}
	n := min(*clients, proc.DescriptorLimit()-spareDescriptors)
	if n <= 0 {
		return errors.New("RLIMIT_NOFILE leaves no room for clients (ulimit -n)")
	}
	var rows []report.IdleRow
	for _, c := range found {
		row, err := idleOf(c, rival.Setting{Servers: *servers, Driver: *driver}, admin, n, *settle)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name(), err)
		}
		rows = append(rows, row)
	}
	var text strings.Builder
	if err := report.Idle(&text, rows); err != nil {
		return err
	}
	fmt.Print(text.String())
	if *results == "" {
		return nil
	}
	return errors.Join(os.MkdirAll(*results, 0o755),
		os.WriteFile(filepath.Join(*results, "idle.md"), []byte(text.String()), 0o644))
}

// idleOf measures one contender.
func idleOf(c rival.Contender, s rival.Setting, admin string, n int, settle time.Duration) (row report.IdleRow, err error) {
	st, err := openStage(s.Driver, false)
	if err != nil {
		return row, err
	}
	defer st.close()
	s.Backend = st.address
	p, err := rival.Start(c, s)
	if err != nil {
		return row, err
	}
	defer p.Stop()

	g := gauge{pid: p.PID, settle: settle}
	if _, ours := c.(rival.Pgmux); ours {
		g.heap = "http://" + admin + "/debug/pprof/heap?gc=1&debug=1"
	}
	row = report.IdleRow{Contender: c.Name(), Clients: n}
	crowd := &crowd{address: p.Address}
	defer crowd.leave()
	if err := errors.Join(crowd.join(settlers), crowd.query()); err != nil {
		return row, err
	}
	if row.Base, err = g.read(); err != nil {
		return row, err
	}
	if err := crowd.join(n); err != nil {
		return row, err
	}
	if row.LoggedIn, err = g.read(); err != nil {
		return row, err
	}
	if err := crowd.query(); err != nil {
		return row, err
	}
	row.Queried, err = g.read()
	return row, err
}

// gauge reads the memory of a pooler that has come to rest.
type gauge struct {
	pid    int
	settle time.Duration
	heap   string // address of Go's heap profile, which collects the garbage first; empty if there is none
}

func (g gauge) read() (m report.Memory, err error) {
	time.Sleep(g.settle)
	if g.heap != "" {
		if m.Heap, err = liveHeap(g.heap); err != nil {
			return m, err
		}
	}
	m.Resident, err = proc.Resident(g.pid)
	return m, err
}

// liveHeap asks for a heap profile as text, at whose end is what runtime.MemStats tells.
func liveHeap(address string) (int64, error) {
	r, err := http.Get(address)
	if err != nil {
		return 0, fmt.Errorf("asking for the heap: %w", err)
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if figure, ok := strings.CutPrefix(lines.Text(), "# HeapAlloc = "); ok {
			return strconv.ParseInt(figure, 10, 64)
		}
	}
	return 0, errors.Join(errors.New("asking for the heap: the profile does not tell HeapAlloc"), lines.Err())
}

// crowd is clients that sit there.
type crowd struct {
	address string
	clients []net.Conn
}

// join logs n more in.
func (c *crowd) join(n int) error {
	var mu sync.Mutex
	return atOnce(n, func(int) error {
		conn, err := rig.Dial(c.address)
		if err != nil {
			return fmt.Errorf("connecting a client: %w", err)
		}
		mu.Lock()
		c.clients = append(c.clients, conn)
		mu.Unlock()
		conn.SetDeadline(time.Now().Add(time.Minute))
		return wire.Login(conn, "bench", "bench")
	})
}

// query has each send one.
func (c *crowd) query() error {
	q := wire.AppendQuery(nil, "SELECT 1")
	return atOnce(len(c.clients), func(i int) error {
		c.clients[i].SetDeadline(time.Now().Add(time.Minute))
		return wire.RoundTrip(c.clients[i], q)
	})
}

// leave closes them all.
func (c *crowd) leave() {
	for _, conn := range c.clients {
		conn.Close()
	}
	c.clients = nil
}

// atOnce does f for 0 to n-1 with some hands, and returns the first error.
func atOnce(n int, f func(i int) error) error {
	work := make(chan int)
	failed := make(chan error, hands)
	for range hands {
		go func() {
			var first error
			for i := range work {
				if first == nil {
					first = f(i)
				}
			}
			failed <- first
		}()
	}
	for i := range n {
		work <- i
	}
	close(work)
	var first error
	for range hands {
		if err := <-failed; first == nil {
			first = err
		}
	}
	return first
}
