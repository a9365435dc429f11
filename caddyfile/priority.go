package caddyfile

import (
	"strconv"

	"github.com/pgmux/caddy-pgmux/config"
)

// parsePriority reads one line of who waits less long for a server. Syntax:
//
//	priority user|database|application_name <name|prefix*> high|normal|low
func parsePriority(p *parser, path string, pool *config.Pool) error {
	p.note(path + "." + strconv.Itoa(len(pool.Priority)))
	line := new(config.Priority)
	for _, field := range []*string{&line.By, &line.Name, &line.Level} {
		if !p.NextArg() {
			return p.Errf("priority needs three words; write it like `priority user batch_* low`")
		}
		*field = p.Val()
	}
	pool.Priority = append(pool.Priority, line)
	return p.end("priority")
}
