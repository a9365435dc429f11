package caddyfile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/pgmux/caddy-pgmux/config"
)

// parser is a dispenser that remembers where each setting was written.
type parser struct {
	*caddyfile.Dispenser
	written map[string]caddyfile.Token // by the path in the JSON, "" for the app itself
}

// note remembers that the setting of this path is written here.
func (p *parser) note(path string) {
	if _, noted := p.written[path]; !noted {
		p.written[path] = p.Token()
	}
}

// argument is the next word on this line; wanted says what it should be.
func (p *parser) argument(wanted string) (string, error) {
	name := p.Val()
	if !p.NextArg() {
		return "", p.Errf("%s needs %s", name, wanted)
	}
	return p.Val(), nil
}

// query is the only argument of an option that takes a query in quotes.
func (p *parser) query(name, example string) (string, error) {
	text, err := p.argument(fmt.Sprintf("a query in quotes, like %q", example))
	if err != nil {
		return "", err
	}
	if p.NextArg() {
		return "", p.Errf(`%s takes one argument; put the query in quotes: "%s %s …"`, name, text, p.Val())
	}
	return text, nil
}

// end insists that nothing else is on this line.
func (p *parser) end(name string) error {
	if p.NextArg() {
		return p.Errf("%s has %q too many; remove it", name, p.Val())
	}
	return nil
}

// unknown refuses an option, with the known one that was probably meant.
func (p *parser) unknown(what, name string, known []string) error {
	slices.Sort(known)
	if near := config.Nearest(name, known); near != "" {
		return p.Errf("%s has no option %q; did you mean %s?", what, name, near)
	}
	return p.Errf("%s has no option %q; it has %s", what, name, strings.Join(known, ", "))
}

// locate tells a Problem at the line of its setting, or of the nearest thing around it that was written.
func (p *parser) locate(err error) error {
	var problem *config.Problem
	if !errors.As(err, &problem) {
		return err
	}
	path := problem.Path
	for {
		if token, ok := p.written[path]; ok {
			d := caddyfile.NewDispenser([]caddyfile.Token{token})
			d.Next()
			return d.WrapErr(fmt.Errorf("%s %s", spoken(problem.Path), problem.Says))
		}
		path = path[:max(0, strings.LastIndexByte(path, '.'))]
	}
}

// spoken is a path as people say it: the pool's name, and the option; the line tells which of several.
func spoken(path string) string {
	rest, inPool := strings.CutPrefix(path, "pools.")
	if !inPool {
		return path
	}
	words := []string{"pool"}
	for step := range strings.SplitSeq(rest, ".") {
		if _, err := strconv.Atoi(step); err != nil || len(words) == 1 {
			words = append(words, step)
		}
	}
	return strings.Join(words, " ")
}
