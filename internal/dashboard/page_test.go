package dashboard

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// between is what stands between two marks of a text, which are there once.
func between(t *testing.T, text, from, to string) string {
	t.Helper()
	if n := strings.Count(text, from); n != 1 {
		t.Fatalf("%d times %q in the page", n, from)
	}
	_, rest, _ := strings.Cut(text, from)
	inside, _, found := strings.Cut(rest, to)
	if !found {
		t.Fatalf("no %q behind %q", to, from)
	}
	return inside
}

func TestThePolicyAllowsWhatIsThereAndNothingElse(t *testing.T) {
	p := New("pgmux")
	text := string(p.HTML)
	for _, want := range []string{
		"default-src 'none'",
		"style-src " + hashed(between(t, text, "<style>", "</style>")) + ";",
		"script-src " + hashed(between(t, text, "<script>", "</script>")) + ";",
		"connect-src 'self'",
		"frame-ancestors 'none'",
	} {
		if !strings.Contains(p.Policy, want) {
			t.Errorf("the policy is\n%s\nand has no\n%s", p.Policy, want)
		}
	}
	for _, never := range []string{"unsafe", "*", "http:"} {
		if strings.Contains(p.Policy, never) {
			t.Errorf("the policy has %q: %s", never, p.Policy)
		}
	}
}

// What a policy would refuse, or what would ask somebody else for something.
func TestThePageHasAllItNeeds(t *testing.T) {
	text := string(New("pgmux").HTML)
	for _, m := range regexp.MustCompile(`(?:src|href|action)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[1], "data:") && !strings.HasPrefix(m[1], "#") {
			t.Errorf("the page refers to %q", m[1])
		}
	}
	for _, never := range []string{` style="`, ` onclick`, ` onload`, "@import", "url(", "{{", "localStorage", "sessionStorage", "document.cookie"} {
		if strings.Contains(text, never) {
			t.Errorf("the page has %q", never)
		}
	}
	if most := 64 << 10; len(text) > most {
		t.Errorf("the page has %d bytes, more than %d", len(text), most)
	}
}

// The browser's test runs one such name; here is why there can be no other.
func TestNoScriptMakesMarkupOfData(t *testing.T) {
	for _, name := range scripts {
		for i, line := range strings.Split(read(path.Join("script", name)), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "//") {
				continue
			}
			for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "createContextualFragment", "setHTML", "eval(", "Function("} {
				if strings.Contains(line, never) {
					t.Errorf("script/%s:%d has %s", name, i+1, never)
				}
			}
		}
	}
}

func TestATitleIsText(t *testing.T) {
	for _, title := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title></style></script>`, `{{script}}{{style}}`} {
		text := string(New(title).HTML)
		if title[0] != '{' && strings.Contains(text, title) {
			t.Errorf("%q stands in the page as it is", title)
		}
		if got := strings.Count(text, "<script>") + strings.Count(text, "<style>") + strings.Count(text, "</title>"); got != 3 {
			t.Errorf("with the title %q there are %d scripts, styles and ends of titles", title, got)
		}
		if between(t, string(New(title).HTML), "<style>", "</style>") != between(t, string(New("other").HTML), "<style>", "</style>") {
			t.Errorf("the title %q has changed the style", title)
		}
	}
}

func TestAnotherPageHasAnotherETag(t *testing.T) {
	a, again, b := New("a"), New("a"), New("b")
	if a.ETag != again.ETag || a.ETag == b.ETag || !regexp.MustCompile(`^"[0-9a-f]{24}"$`).MatchString(a.ETag) {
		t.Errorf("%s, %s and %s", a.ETag, again.ETag, b.ETag)
	}
}

func TestEverySourceIsListed(t *testing.T) {
	for folder, listed := range map[string][]string{"style": styles, "script": scripts} {
		files, err := fs.ReadDir(sources, folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !slices.Contains(listed, f.Name()) {
				t.Errorf("%s/%s is in no page; list it in page.go", folder, f.Name())
			}
		}
		if len(files) != len(listed) {
			t.Errorf("%d files in %s, %d listed", len(files), folder, len(listed))
		}
	}
}

// Every element that scripts ask for is in the page, once.
func TestEveryElementIsThere(t *testing.T) {
	html := read("page.html")
	for _, m := range regexp.MustCompile(`byId\("([^"]+)"\)`).FindAllStringSubmatch(join("script", scripts), -1) {
		if n := strings.Count(html, ` id="`+m[1]+`"`); n != 1 {
			t.Errorf("%d elements with the ID %s", n, m[1])
		}
	}
}
