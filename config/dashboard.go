package config

import "fmt"

// Dashboard is the HTTP handler `postgres_dashboard`: a page that shows what pools, upstreams and caches do, live. It changes nothing.
// Whoever reaches it sees the names of users and databases and the normal forms of queries, so it belongs behind basic_auth, or where
// only operators get to.
type Dashboard struct {
	// Title is what the page calls itself, to tell one Caddy from another. Default: DefaultDashboardTitle; at most MaxDashboardTitle bytes.
	Title string `json:"title,omitempty"`
}

// DefaultDashboardTitle is what a page calls itself that has no title.
const DefaultDashboardTitle = "pgmux"

// MaxDashboardTitle bounds a title, in bytes: it stands in one line, beside others.
const MaxDashboardTitle = 100

// CheckDashboard finds out whether the handler can work.
func CheckDashboard(d *Dashboard) error {
	if n := len(d.Title); n > MaxDashboardTitle {
		return fmt.Errorf("title has %d bytes, and may have %d; write a shorter one", n, MaxDashboardTitle)
	}
	return nil
}
