//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// screenshotsAfter is how long the pools have worked when pictures are taken: as long as sparklines go back.
const screenshotsAfter = 5 * time.Minute

// TestScreenshots takes the pictures of the documentation: `make screenshots`.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("E2E_SCREENSHOTS")
	if dir == "" || direct() {
		t.Skip("E2E_SCREENSHOTS names no directory for them")
	}
	after := screenshotsAfter
	if text := os.Getenv("E2E_SCREENSHOTS_AFTER"); text != "" {
		var err error
		if after, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	b := startBrowser(t)
	w := startWatched(t, "pgmux · example")
	w.load(t)
	for range 24 { // who rest
		conn, err := pgx.Connect(within(t), w.dsn("app"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(within(t)) })
	}
	page := b.newTab(t)
	page.viewport(1280, 720, false)
	page.prefer("prefers-color-scheme", "light")
	page.open(w.page())
	page.awaitTrue("it lives", `document.querySelector("#state").innerText === "Live"`)
	time.Sleep(after)
	for _, shot := range []struct {
		name          string
		width, height int
		longest       int
		phone         bool
		scheme        string
	}{
		{"light", 1280, 720, 1200, false, "light"}, {"dark", 1280, 720, 1200, false, "dark"}, {"phone", 390, 844, 1200, true, "light"},
	} {
		page.viewport(shot.width, shot.height, shot.phone)
		page.prefer("prefers-color-scheme", shot.scheme)
		page.awaitTrue("drawn", `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
		file := filepath.Join(dir, "dashboard-"+shot.name+".png")
		page.screenshot(file, shot.longest)
		if info, err := os.Stat(file); err != nil || info.Size() > 300<<10 {
			t.Errorf("%s: %v; it may have 300 KiB: %+v", file, err, info)
		}
	}
	page.demandNoComplaints()
}
