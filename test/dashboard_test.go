//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// Names that would run something if anybody took them for markup.
const (
	evilTitle = `<img src=x onerror=window.pwned=1>`
	evilUser  = `<img src=x onerror=window.pwned=2>`
	evilOther = `"><script>window.pwned=3</script>`
)

// The page, in a browser, in front of pools that work. Each step begins where the one before has left the page.
func TestDashboard(t *testing.T) {
	if direct() {
		t.Skip("there is no page without Caddy")
	}
	b := startBrowser(t)
	w := startWatched(t, evilTitle)
	w.loginAs(t, evilUser, evilOther)
	w.load(t)
	page := b.newTab(t)
	page.viewport(1280, 900, false)
	for _, step := range []struct {
		name string
		do   func(*testing.T, *watched, *tab)
	}{
		{"a password is asked for", asksForThePassword},
		{"it is found with and without a slash", isFoundAtItsPrefix},
		{"figures come and move", figuresMove},
		{"rows are what the pools are", rowsAreTrue},
		{"names are texts", namesAreTexts},
		{"a pool opens by the keyboard", opensByKeyboard},
		{"light and dark", isLightAndDark},
		{"it fits a phone", fitsAPhone},
		{"nobody asks while it is hidden", restsWhileHidden},
		{"it can be paused", canBePaused},
		{"it says that figures are old, and recovers", saysWhenStale},
		{"it takes no login page for figures", takesNothingElseForFigures},
		{"its policy refuses everything else", refusesEverythingElse},
	} {
		if !t.Run(step.name, func(t *testing.T) { page.t = t; step.do(t, w, page) }) {
			break
		}
	}
	page.t = t
	page.demandNoComplaints()
}

// loginAs has clients of these names, as long as the test.
func (w *watched) loginAs(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		quoted := pgx.Identifier{name}.Sanitize()
		if err := w.cluster.primary.Exec(within(t), "app", "DROP ROLE IF EXISTS "+quoted, "CREATE ROLE "+quoted+" LOGIN"); err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.Connect(within(t), pgtest.DSN(w.Reports, name, "", "app"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(within(t)) })
	}
}

// ask is an answer of the site, whose redirects are not followed.
func (w *watched) ask(t *testing.T, method, path string, authorized bool) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(within(t), method, "http://"+w.Site+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorized {
		request.SetBasicAuth("viewer", "secret")
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func asksForThePassword(t *testing.T, w *watched, _ *tab) {
	for _, path := range []string{"/postgres", "/postgres/", "/postgres/data"} {
		if r, body := w.ask(t, "GET", path, false); r.StatusCode != http.StatusUnauthorized || strings.Contains(body, "pools") {
			t.Errorf("%s without a password: %s\n%s", path, r.Status, body)
		}
	}
}

func isFoundAtItsPrefix(t *testing.T, w *watched, _ *tab) {
	for _, c := range []struct {
		method, path string
		status       int
		location     string
	}{
		{"GET", "/postgres", http.StatusPermanentRedirect, "./postgres/"},
		{"GET", "/postgres?a=b", http.StatusPermanentRedirect, "./postgres/?a=b"},
		{"GET", "/postgres/", http.StatusOK, ""},
		{"HEAD", "/postgres/", http.StatusOK, ""},
		{"GET", "/postgres/data", http.StatusOK, ""},
		{"POST", "/postgres/", http.StatusMethodNotAllowed, ""},
		{"DELETE", "/postgres/data", http.StatusMethodNotAllowed, ""},
		{"GET", "/open/deep", http.StatusPermanentRedirect, "./deep/"},
		{"GET", "/open/deep/", http.StatusOK, ""},
		{"GET", "/open/deep/data", http.StatusOK, ""},
	} {
		if r, _ := w.ask(t, c.method, c.path, true); r.StatusCode != c.status || r.Header.Get("Location") != c.location {
			t.Errorf("%s %s: %s to %q, want %d to %q", c.method, c.path, r.Status, r.Header.Get("Location"), c.status, c.location)
		}
	}
}

// figuresMove waits until there are rates, and until each has been something else.
func figuresMove(t *testing.T, w *watched, page *tab) {
	page.open(w.page())
	for _, figure := range []string{"queries", "query-p99", "transactions", "clients"} {
		shown := fmt.Sprintf("[data-figure=%s]", figure)
		var first string
		eventually(t, figure+" is shown", func() (err error) {
			if first, err = page.text(shown); err == nil && (first == "–" || first == "0") {
				err = fmt.Errorf("it says %q", first)
			}
			return err
		})
		if figure == "clients" {
			continue
		}
		eventually(t, figure+" changes", func() error {
			if now, err := page.text(shown); err != nil || now == first {
				return fmt.Errorf("it says %q, %w", now, err)
			}
			return nil
		})
	}
	page.awaitTrue("the line moves", `document.querySelector("#overview .stroke").getAttribute("d").split("L").length > 3`)
	if state, err := page.text("#state"); err != nil || state != "Live" {
		t.Errorf("it calls itself %q, %v", state, err)
	}
}

// rowsAreTrue reads what the tables say.
func rowsAreTrue(t *testing.T, w *watched, page *tab) {
	for _, c := range []struct{ what, script string }{
		{"two pools", `document.querySelectorAll("#pools > tbody > tr").length === 2`},
		{"queries of app", `parseFloat(document.querySelector("#pools > tbody > tr:nth-child(1) > td:nth-child(7)").innerText) > 0`},
		{"their p99", `/[µm]?s$/.test(document.querySelector("#pools > tbody > tr:nth-child(1) > td:nth-child(10)").innerText)`},
		{"reports has few servers", `document.querySelector("#pools > tbody > tr:nth-child(2)").innerText.includes("of 2")
			|| document.querySelector("#pools > tbody > tr:nth-child(2)").innerText.includes("of 6")`},
		{"four upstreams", `document.querySelectorAll("#upstreams > tbody > tr").length === 4`},
		{"a primary", `[...document.querySelectorAll("#upstreams > tbody > tr")].some((tr) => tr.innerText.includes("primary"))`},
		{"two replicas", `[...document.querySelectorAll("#upstreams > tbody > tr")].filter((tr) => tr.innerText.includes("replica")).length === 2`},
		{"the replicas' lag", `[...document.querySelectorAll("#upstreams > tbody > tr")].some((tr) => tr.cells[2].innerText === "replica" && tr.cells[5].innerText !== "–")`},
		{"one cache", `document.querySelectorAll("#cache > tbody > tr").length === 1 && document.querySelector("#cache").innerText.includes("%")`},
		{"queries", `[...document.querySelectorAll("#queries > tbody > tr")].some((tr) => /select/i.test(tr.innerText))`},
	} {
		page.awaitTrue(c.what, c.script)
	}
	page.click("#cache .open")
	page.awaitTrue("tables that were changed", `document.querySelector("#cache tr.more").innerText.includes("app.items")`)
	page.click("#cache .open")
	page.awaitTrue("no more", `document.querySelector("#cache tr.more") === null`)
}

func namesAreTexts(t *testing.T, _ *watched, page *tab) {
	page.click("#pools > tbody > tr:nth-child(2) .open")
	for _, name := range []string{evilUser, evilOther} {
		page.awaitTrue("the user is shown as text", fmt.Sprintf(`[...document.querySelectorAll("tr.more td")].some((td) => td.textContent === %q)`, name))
	}
	page.awaitTrue("nothing came of the names", fmt.Sprintf(
		`document.querySelector("h1").textContent === %q && document.querySelector("img") === null && window.pwned === undefined`, evilTitle))
	page.click("#pools > tbody > tr:nth-child(3) .open, #pools > tbody > tr:nth-child(2) .open")
}

func opensByKeyboard(t *testing.T, _ *watched, page *tab) {
	page.awaitTrue("the main part has the focus", `(document.querySelector("main").focus(), true)`)
	page.press("Tab")
	page.awaitTrue("the first pool has the focus", `document.activeElement.textContent === "app" && document.activeElement.getAttribute("aria-expanded") === "false"`)
	page.press("Enter")
	page.awaitTrue("it is open, and has the focus still", `document.activeElement.getAttribute("aria-expanded") === "true"
		&& document.querySelector("tr.more").innerText.includes("recommended size") && document.activeElement.textContent === "app"`)
	page.press("Enter")
	page.awaitTrue("it is closed", `document.querySelector("tr.more") === null`)
}

// restsWhileHidden has the page believe that nobody looks.
func restsWhileHidden(t *testing.T, _ *watched, page *tab) {
	page.awaitTrue("there is room for all questions", `(performance.setResourceTimingBufferSize(1e5), true)`)
	const hide = `(Object.defineProperty(document, "hidden", {configurable: true, get: () => %v}), document.dispatchEvent(new Event("visibilitychange")), true)`
	page.awaitTrue("it hides", fmt.Sprintf(hide, true))
	// One question may be on its way; the interval is two seconds.
	page.awaitTrue("no more questions", `(async () => {
		const asked = () => performance.getEntriesByType("resource").length;
		await new Promise((done) => setTimeout(done, 500));
		const before = asked();
		await new Promise((done) => setTimeout(done, 3000));
		window.askedWhileHidden = asked();
		return before === asked();
	})()`)
	page.awaitTrue("it shows", fmt.Sprintf(hide, false))
	page.awaitTrue("it asks again", `performance.getEntriesByType("resource").length > window.askedWhileHidden`)
}

func canBePaused(t *testing.T, _ *watched, page *tab) {
	page.click("#pause")
	page.awaitTrue("it is paused", `document.querySelector("#state").innerText === "Paused" && document.querySelector("#pause").getAttribute("aria-pressed") === "true"`)
	page.click("#pause")
	page.awaitTrue("it goes on", `document.querySelector("#state").innerText === "Live" && document.querySelector("#pause").getAttribute("aria-pressed") === "false"`)
}

// refusesEverythingElse also shows that the test would know.
func refusesEverythingElse(t *testing.T, _ *watched, page *tab) {
	page.awaitTrue("a script is put in", `(document.body.append(Object.assign(document.createElement("script"), {textContent: "window.pwned = 4"})), true)`)
	page.awaitComplaint("Content Security Policy")
	page.awaitTrue("it has not run", "window.pwned === undefined")
}

// takesNothingElseForFigures has something in front of Caddy answer, with status 200.
func takesNothingElseForFigures(t *testing.T, _ *watched, page *tab) {
	page.awaitTrue("it is answered by others", `(window.fetched = window.fetch, window.fetch = async () => new Response("<html>", {headers: {"Content-Type": "text/html"}}), true)`)
	page.awaitTrue("it says so", `document.querySelector("#state").innerText === "Stale" && !document.querySelector("#stale").hidden
		&& document.querySelector("#stale").innerText.includes("Caddy wants a login")`)
	page.awaitTrue("it is answered by Caddy again", `(window.fetch = window.fetched, true)`)
	page.awaitTrue("it lives again", `document.querySelector("#stale").hidden && document.querySelector("#state").innerText === "Live"`)
}

func saysWhenStale(t *testing.T, w *watched, page *tab) {
	w.stop()
	page.awaitTrue("it says so", `!document.querySelector("#stale").hidden && document.querySelector("#stale").innerText.includes("Caddy cannot be reached")
		&& /figures are .* old/.test(document.querySelector("#stale").innerText) && document.querySelector("#state").innerText === "Stale"`)
	page.awaitTrue("what was seen is still there", `document.querySelectorAll("#pools > tbody > tr").length === 2`)
	w.run()
	w.awaitListening()
	page.awaitTrue("it lives again", `document.querySelector("#stale").hidden && document.querySelector("#state").innerText === "Live"`)
	eventually(t, "rates are there again", func() error {
		if now, err := page.text("[data-figure=queries]"); err != nil || now == "–" || now == "0" {
			return errors.Join(err, errors.New("queries: "+now))
		}
		return nil
	})
}
