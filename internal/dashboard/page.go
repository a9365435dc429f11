// Package dashboard is the page of the HTTP handler `postgres_dashboard`: one document that asks for nothing but its figures.
//
// Its sources are page.html, style/ and script/, in plain HTML, CSS and JavaScript: no framework, no build step. New joins them, in the
// order in which they are listed below, into one document, and says by a Content-Security-Policy that nothing else may run: only the style and
// the script whose hashes it names. So a name or a query that looks like markup is harmless twice over: the script never makes markup of data
// (dom.js), and the browser would not run it.
package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"html"
	"path"
	"strings"
)

// Page is a document and what is to be said with it.
type Page struct {
	HTML []byte
	// Policy is the Content-Security-Policy.
	Policy string
	// ETag identifies the document, in quotes.
	ETag string
}

//go:embed page.html style script
var sources embed.FS

// Styles and scripts, each in the order in which they build on one another.
var (
	styles  = []string{"base.css", "layout.css", "tables.css", "figures.css", "narrow.css"}
	scripts = []string{
		"dom.js", "format.js", "rows.js", "series.js", "sample.js", "spark.js", "theme.js",
		"problems.js", "overview.js", "users.js", "pools.js", "upstreams.js", "cache.js", "queries.js", "live.js", "main.js",
	}
)

// New builds the page with a title.
func New(title string) Page {
	style := "\n" + join("style", styles)
	script := "\n(() => {\n\"use strict\";\n" + join("script", scripts) + "})();\n"
	document := strings.NewReplacer("{{title}}", html.EscapeString(title), "{{style}}", style, "{{script}}", script).Replace(read("page.html"))
	sum := sha256.Sum256([]byte(document))
	return Page{HTML: []byte(document), Policy: policy(style, script), ETag: `"` + hex.EncodeToString(sum[:12]) + `"`}
}

// policy allows this style and this script, and asking where the page comes from.
func policy(style, script string) string {
	return strings.Join([]string{
		"default-src 'none'",
		"style-src " + hashed(style),
		"script-src " + hashed(script),
		"connect-src 'self'",
		"img-src data:", // the icon
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

// hashed is a source in a policy: https://www.w3.org/TR/CSP3/#framework-directive-source-list
func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func join(folder string, names []string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(read(path.Join(folder, name)))
	}
	return b.String()
}

func read(name string) string {
	text, err := sources.ReadFile(name)
	if err != nil {
		panic("bug: " + err.Error()) // it is in the program, or the program is not built
	}
	return string(text)
}
