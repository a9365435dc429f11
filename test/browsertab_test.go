//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// tab is one page of it, and what the page has complained about.
type tab struct {
	t       *testing.T
	browser *browser
	session string

	mu         sync.Mutex
	complaints []string
}

// newTab opens an empty page.
func (b *browser) newTab(t *testing.T) *tab {
	t.Helper()
	var target struct{ TargetID string }
	if err := b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		t.Fatal(err)
	}
	var attached struct{ SessionID string }
	if err := b.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached); err != nil {
		t.Fatal(err)
	}
	page := &tab{t: t, browser: b, session: attached.SessionID}
	b.mu.Lock()
	b.tabs[page.session] = page
	b.mu.Unlock()
	for _, domain := range []string{"Page.enable", "Runtime.enable", "Log.enable"} {
		page.call(domain, nil, nil)
	}
	return page
}

func (p *tab) call(method string, params, into any) {
	p.t.Helper()
	if err := p.browser.call(p.session, method, params, into); err != nil {
		p.t.Fatal(err)
	}
}

// event keeps what the page or the browser complains about: exceptions, errors in the console, and what a policy has refused. That
// something could not be loaded is for the page to say.
func (p *tab) event(m devtoolsMessage) {
	var says struct {
		Type             string
		Entry            struct{ Source, Level, Text string }
		ExceptionDetails json.RawMessage
	}
	_ = json.Unmarshal(m.Params, &says)
	bad := m.Method == "Runtime.exceptionThrown" ||
		m.Method == "Runtime.consoleAPICalled" && (says.Type == "error" || says.Type == "warning" || says.Type == "assert") ||
		m.Method == "Log.entryAdded" && says.Entry.Source != "network" && (says.Entry.Level == "error" || says.Entry.Level == "warning")
	if bad {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.complaints = append(p.complaints, string(m.Params))
	}
}

// awaitComplaint waits until the browser has complained of something with this word in it, and forgets it.
func (p *tab) awaitComplaint(word string) {
	p.t.Helper()
	eventually(p.t, "the browser complains", func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		i := slices.IndexFunc(p.complaints, func(c string) bool { return strings.Contains(c, word) })
		if i < 0 {
			return fmt.Errorf("of %q, not of %s", p.complaints, word)
		}
		p.complaints = slices.Delete(p.complaints, i, i+1)
		return nil
	})
}

// demandNoComplaints fails the test with what there was.
func (p *tab) demandNoComplaints() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.complaints {
		p.t.Errorf("the browser complains: %s", c)
	}
}

// open goes to an address.
func (p *tab) open(url string) {
	p.t.Helper()
	var went struct{ ErrorText string }
	p.call("Page.navigate", map[string]any{"url": url}, &went)
	if went.ErrorText != "" {
		p.t.Fatalf("opening %s: %s", url, went.ErrorText)
	}
}

// eval is the value of an expression, which may be a promise.
func (p *tab) eval(expression string, into any) error {
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	params := map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}
	if err := p.browser.call(p.session, "Runtime.evaluate", params, &got); err != nil {
		return err
	}
	if e := got.ExceptionDetails; e != nil {
		return fmt.Errorf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if len(got.Result.Value) == 0 {
		return fmt.Errorf("%s has no value", expression)
	}
	return json.Unmarshal(got.Result.Value, into)
}

// text is what an element shows.
func (p *tab) text(selector string) (string, error) {
	var shown *string
	if err := p.eval(fmt.Sprintf("document.querySelector(%q)?.innerText ?? null", selector), &shown); err != nil {
		return "", err
	}
	if shown == nil {
		return "", fmt.Errorf("there is no %s", selector)
	}
	return *shown, nil
}

// awaitTrue waits for an expression to become true.
func (p *tab) awaitTrue(what, expression string) {
	p.t.Helper()
	eventually(p.t, what, func() error {
		var is bool
		if err := p.eval("Boolean("+expression+")", &is); err != nil {
			return err
		}
		if !is {
			return errors.New("not true: " + expression)
		}
		return nil
	})
}

// viewport makes the window so many CSS pixels large.
func (p *tab) viewport(width, height int, phone bool) {
	p.t.Helper()
	p.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}, nil)
}

// prefer sets a media feature, as the system's settings would.
func (p *tab) prefer(feature, value string) {
	p.t.Helper()
	p.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": feature, "value": value}}}, nil)
}

// screenshot writes the page into a PNG file, its upper part if it is longer than so many CSS pixels.
func (p *tab) screenshot(path string, longest int) {
	p.t.Helper()
	var size struct{ Width, Height int }
	if err := p.eval("(({scrollWidth, scrollHeight}) => ({width: scrollWidth, height: scrollHeight}))(document.documentElement)", &size); err != nil {
		p.t.Fatal(err)
	}
	clip := map[string]int{"x": 0, "y": 0, "width": size.Width, "height": min(size.Height, longest), "scale": 1}
	var shot struct{ Data string }
	p.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true, "clip": clip}, &shot)
	image, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, image, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// click presses what a selector finds.
func (p *tab) click(selector string) {
	p.t.Helper()
	var done bool
	if err := p.eval(fmt.Sprintf("(document.querySelector(%q).click(), true)", selector), &done); err != nil {
		p.t.Fatal(err)
	}
}

// press presses a key, as on a keyboard.
func (p *tab) press(key string) {
	p.t.Helper()
	params := map[string]any{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": map[string]int{"Tab": 9, "Enter": 13}[key]}
	if key == "Enter" {
		params["text"] = "\r"
	}
	p.call("Input.dispatchKeyEvent", params, nil)
	params["type"] = "keyUp"
	delete(params, "text")
	p.call("Input.dispatchKeyEvent", params, nil)
}
