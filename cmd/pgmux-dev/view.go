package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
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
	heard    time.Time // when the admin API last answered
	primary  *pgx.Conn // to ask Postgres itself
	most     int       // connections it has seen
}

// silence is how long the admin API may be silent until the playground counts as gone.
const silence = 3 * time.Second

func newView(out *os.File, p playground, clients int, duration time.Duration) *view {
	now := time.Now()
	return &view{out: out, p: p, clients: clients, duration: duration, began: now, heard: now, terminal: width(out) > 0}
}

// width is how many characters a line of the terminal holds; 0 if there is no terminal.
func width(out *os.File) int {
	size, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	if size.Col == 0 {
		return 80 // a terminal that does not say
	}
	return int(size.Col)
}

// show draws until the end, or until the playground is gone.
func (v *view) show(ctx context.Context, m *meter) error {
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
			return nil
		case now := <-tick.C:
			window, times = append(window, m.read()), append(times, now)
			if over := len(window) - 1 - int(time.Second/interval); over > 0 {
				window, times = window[over:], times[over:]
			}
			recent := window[len(window)-1].since(window[0])
			v.draw(ctx, m, recent, now.Sub(times[0]))
			if time.Since(v.heard) > silence {
				return errors.New("the playground is gone")
			}
		}
	}
}

// draw shows one picture, or says why there is none.
func (v *view) draw(ctx context.Context, m *meter, recent *counts, over time.Duration) {
	s, err := v.poolNow(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		v.put("the admin API does not answer: " + err.Error())
		return
	}
	v.heard = time.Now()
	seen := v.connectionsSeen(ctx)
	v.most = max(v.most, seen)
	speed := fmt.Sprintf("%.0f transactions/s   p50 %v   p99 %v   errors %d", float64(recent.total())/max(over.Seconds(), 0.001),
		brief(recent.quantile(0.5)), brief(recent.quantile(0.99)), m.errors.Load())
	if !v.terminal {
		v.put(fmt.Sprintf("%3.0fs   clients %d (active %d, waiting %d, idle %d)   servers %d of %d   Postgres sees %d   %s",
			time.Since(v.began).Seconds(), s.Clients.Total, s.Clients.Active, s.Clients.Waiting, s.Clients.Idle,
			s.Size, s.MaxSize, seen, speed))
		return
	}
	// What stands beside a bar needs some 55 characters.
	bars := min(max(width(v.out)-56, 10), 40)
	lines := []string{
		fmt.Sprintf("%d clients on %s, %.0f s of %v   (Ctrl-C ends it)", v.clients, v.p.Pooler, time.Since(v.began).Seconds(), v.duration),
		"",
		fmt.Sprintf("clients  %4d   %s  █ active %d  ▒ waiting %d  · idle %d", s.Clients.Total,
			bar(s.Clients.Active, s.Clients.Waiting, v.clients, bars), s.Clients.Active, s.Clients.Waiting, s.Clients.Idle),
		fmt.Sprintf("servers  %4d   %s  █ active %d  ▒ idle %d  of %d", s.Size,
			bar(s.Servers.Active, s.Servers.Idle, s.MaxSize, bars), s.Servers.Active, s.Servers.Idle, s.MaxSize),
		fmt.Sprintf("Postgres %4d   connections in its own pg_stat_activity, at most %d so far", seen, v.most),
		"",
		speed,
	}
	if last := m.lastError(); last != "" {
		lines = append(lines, "last error: "+last)
	}
	v.put(lines...)
}

// put writes lines, on a terminal over those before. None may wrap, for then the cursor would not find back.
func (v *view) put(lines ...string) {
	if !v.terminal {
		fmt.Fprintln(v.out, strings.Join(lines, "\n"))
		return
	}
	var b strings.Builder
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\033[%dA", v.drawn)
	}
	b.WriteString("\033[J") // all below is cleared
	for _, l := range lines {
		b.WriteString(cut(l, width(v.out)) + "\n")
	}
	v.drawn = len(lines)
	fmt.Fprint(v.out, b.String())
}

// cut shortens a text to one line of a width.
func cut(text string, width int) string {
	runes := []rune(strings.ReplaceAll(text, "\n", " "))
	return string(runes[:min(len(runes), width)])
}

// brief is a duration to three digits or so.
func brief(d time.Duration) time.Duration {
	switch {
	case d >= 100*time.Millisecond:
		return d.Round(time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond)
	}
	return d
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

// sum tells how it went; the last error with it, which a line a second does not show.
func (v *view) sum(m *meter) {
	if v.primary != nil {
		v.primary.Close(context.Background())
	}
	all := m.read()
	fmt.Fprintf(v.out, "\n%d clients did %d transactions in %.0f s (p50 %v, p99 %v, %d errors).\nPostgres saw at most %d connections.\n",
		v.clients, all.total(), time.Since(v.began).Seconds(), brief(all.quantile(0.5)), brief(all.quantile(0.99)), m.errors.Load(),
		v.most)
	if last := m.lastError(); last != "" {
		fmt.Fprintf(v.out, "The last error: %s\n", last)
	}
}
