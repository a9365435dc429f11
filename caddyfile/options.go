package caddyfile

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
)

type caddyDuration = caddy.Duration

// options is what may be written in one kind of block.
type options[T any] map[string]option[T]

// option reads the arguments of one option, whose name has been consumed and whose path in the JSON is given.
type option[T any] struct {
	read    func(p *parser, path string, into *T) error
	repeats bool // may be written more than once
}

// block reads the options of a block, if there is one; what says whose it is.
func block[T any](p *parser, what, path string, known options[T], into *T) error {
	for nesting := p.Nesting(); p.NextBlock(nesting); {
		name := p.Val()
		o, ok := known[name]
		if !ok {
			return p.unknown(what, name, known.names())
		}
		at := join(path, name)
		if first, twice := p.written[at]; twice && !o.repeats {
			return p.Errf("%s is written twice in %s, first at line %d; remove one", name, what, first.Line)
		}
		p.note(at)
		if err := o.read(p, at, into); err != nil {
			return err
		}
	}
	return nil
}

func (o options[T]) names() []string {
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	return names
}

// number reads a whole number; its bounds are config.Check's.
func number[T any](field func(*T) **int) option[T] {
	return option[T]{read: func(p *parser, path string, into *T) error {
		name := p.Val()
		text, err := p.argument("a number")
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return p.Errf("%s takes a whole number, and %q is none; write digits only", name, text)
		}
		*field(into) = &n
		return p.end(name)
	}}
}

// duration reads a Caddy duration.
func duration[T any](field func(*T) **caddyDuration) option[T] {
	return option[T]{read: func(p *parser, path string, into *T) error {
		name := p.Val()
		text, err := p.argument("a duration, like 30s")
		if err != nil {
			return err
		}
		d, err := caddy.ParseDuration(text)
		if err != nil {
			return p.Errf("%s takes a duration, and %q is none; write a number with its unit, like 500ms, 30s, 10m or 1h", name, text)
		}
		value := caddyDuration(d)
		*field(into) = &value
		return p.end(name)
	}}
}

// size reads a number of bytes; its bounds are config.Check's.
func size[T any](field func(*T) **config.Size) option[T] {
	return option[T]{read: func(p *parser, _ string, into *T) error {
		name := p.Val()
		text, err := p.argument("a size, like 256MiB")
		if err != nil {
			return err
		}
		value, err := config.ParseSize(text)
		if err != nil {
			return p.Errf("%s: %w", name, err)
		}
		*field(into) = &value
		return p.end(name)
	}}
}

// word reads one word as it stands.
func word[T any](field func(*T) *string) option[T] {
	return option[T]{read: func(p *parser, path string, into *T) error {
		name := p.Val()
		text, err := p.argument("one word")
		if err != nil {
			return err
		}
		if text == "" {
			return p.Errf("%s is empty; write its value, or remove the line", name)
		}
		*field(into) = text
		return p.end(name)
	}}
}

// query reads one query in quotes, which may be empty.
func query[T any](example string, field func(*T) **string) option[T] {
	return option[T]{read: func(p *parser, _ string, into *T) error {
		text, err := p.query(p.Val(), example)
		if err != nil {
			return err
		}
		*field(into) = &text
		return nil
	}}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
