package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// pool is what GET /postgres/pools/app says, as far as the view shows it.
type pool struct {
	Size    int `json:"size"`
	MaxSize int `json:"max_size"`
	Clients struct {
		Total, Idle, Active, Waiting int
	} `json:"clients"`
	Servers struct {
		Idle, Active int
	} `json:"servers"`
}

// view draws one picture over the other on a terminal, and writes a line a second elsewhere.
type view struct {
	out      *os.File
	p        playground
	clients  int
	duration time.Duration
	terminal bool
	drawn    int // lines of the last picture
	began    time.Time
	primary  *pgx.Conn // to ask Postgres itself
	most     int       // connections it has seen
}

func newView(out *os.File, p playground, clients int, duration time.Duration) *view {
	info, err := out.Stat()
	return &view{out: out, p: p, clients: clients, duration: duration, began: time.Now(),
		terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// show draws until the end.
func (v *view) show(ctx context.Context, m *meter) {
	interval := time.Second
	if v.terminal {
		interval = 250 * time.Millisecond
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	// What is shown is the last second's, sampled more often on a terminal.
	window := []*counts{m.read()}
	times := []time.Time{time.Now()}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			window, times = append(window, m.read()), append(times, now)
			if over := len(window) - 1 - int(time.Second/interval); over > 0 {
				window, times = window[over:], times[over:]
			}
			recent := window[len(window)-1].since(window[0])
			v.draw(ctx, m, recent, now.Sub(times[0]))
		}
	}
}

// draw shows one picture.
func (v *view) draw(ctx context.Context, m *meter, recent *counts, over time.Duration) {
	s, err := v.poolNow(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		fmt.Fprintf(v.out, "the admin API does not answer: %v\n", err)
		return
	}
	seen := v.connectionsSeen(ctx)
	v.most = max(v.most, seen)
	rate := float64(recent.total()) / max(over.Seconds(), 0.001)
	p50, p99 := recent.quantile(0.5), recent.quantile(0.99)
	if !v.terminal {
		fmt.Fprintf(v.out, "%3.0fs  clients %d (idle %d, active %d, waiting %d)  servers %d of %d  Postgres sees %d  "+
			"transactions/s %.0f  p50 %v  p99 %v  errors %d\n", time.Since(v.began).Seconds(), s.Clients.Total, s.Clients.Idle,
			s.Clients.Active, s.Clients.Waiting, s.Size, s.MaxSize, seen, rate, p50, p99, m.errors.Load())
		return
	}
	lines := []string{
		fmt.Sprintf("%d clients on %s, %.0f s of %v   (Ctrl-C ends it)", v.clients, v.p.Pooler, time.Since(v.began).Seconds(), v.duration),
		"",
		fmt.Sprintf("clients  %4d   %s  idle %d, active %d, waiting %d", s.Clients.Total,
			bar(s.Clients.Active, s.Clients.Waiting, v.clients, 40), s.Clients.Idle, s.Clients.Active, s.Clients.Waiting),
		fmt.Sprintf("servers  %4d   %s  of %d", s.Size, bar(s.Servers.Active, s.Servers.Idle, s.MaxSize, 40), s.MaxSize),
		fmt.Sprintf("Postgres %4d   connections, by its own pg_stat_activity; never more than %d so far", seen, v.most),
		"",
		fmt.Sprintf("%.0f transactions/s   p50 %v   p99 %v   errors %d", rate, p50, p99, m.errors.Load()),
	}
	if last := m.lastError(); last != "" {
		lines = append(lines, "last error: "+last)
	}
	if v.drawn > 0 {
		fmt.Fprintf(v.out, "\033[%dA", v.drawn)
	}
	for _, l := range lines {
		fmt.Fprintf(v.out, "\033[2K%s\n", l)
	}
	v.drawn = len(lines)
}

// bar draws two shares of a whole.
func bar(full, half, whole, width int) string {
	whole = max(whole, 1)
	a := min(full*width/whole, width)
	b := min(half*width/whole, width-a)
	return strings.Repeat("█", a) + strings.Repeat("▒", b) + strings.Repeat("·", width-a-b)
}

// poolNow asks the admin API.
func (v *view) poolNow(ctx context.Context) (pool, error) {
	var s pool
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+v.p.Admin+"/postgres/pools/app", nil)
	if err != nil {
		return s, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return s, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return s, fmt.Errorf("it says %s", response.Status)
	}
	return s, json.NewDecoder(response.Body).Decode(&s)
}

// connectionsSeen asks Postgres itself how many connections the pool has, past the pool.
func (v *view) connectionsSeen(ctx context.Context) int {
	if v.primary == nil {
		conn, err := pgx.Connect(ctx, v.p.PrimarySocket)
		if err != nil {
			return 0
		}
		v.primary = conn
	}
	var n int
	err := v.primary.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
		v.p.Database).Scan(&n)
	if err != nil {
		v.primary = nil
	}
	return n
}

// sum tells how it went.
func (v *view) sum(m *meter) {
	if v.primary != nil {
		v.primary.Close(context.Background())
	}
	all := m.read()
	fmt.Fprintf(v.out, "\n%d clients did %d transactions in %.0f s (p50 %v, p99 %v, %d errors); Postgres saw at most %d connections.\n",
		v.clients, all.total(), time.Since(v.began).Seconds(), all.quantile(0.5), all.quantile(0.99), m.errors.Load(), v.most)
}
