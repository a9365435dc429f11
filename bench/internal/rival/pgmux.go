package rival

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
)

// Pgmux is the pooler of this project: Caddy with the module in it.
type Pgmux struct {
	// Program is the caddy to run.
	Program string
	// Admin is the address of Caddy's admin endpoint; empty for none.
	Admin string
	// Caches switches the query cache on.
	Caches bool
}

// Name is how the tables call it.
func (p Pgmux) Name() string {
	if p.Caches {
		return "pgmux-cache"
	}
	return "pgmux"
}

// Prepares is true.
func (Pgmux) Prepares() bool { return true }

// Follows is true.
func (Pgmux) Follows(string) bool { return true }

// Command runs it with the setting's event loops.
func (p Pgmux) Command(s Setting, dir string, port int) (*exec.Cmd, error) {
	if _, err := os.Stat(p.Program); err != nil {
		return nil, fmt.Errorf("looking for the pooler: %w (make build)", err)
	}
	admin := "off"
	if p.Admin != "" {
		admin = p.Admin
	}
	host, backendPort, err := s.hostAndPort()
	if err != nil {
		return nil, err
	}
	upstream := net.JoinHostPort(host, backendPort)
	if host[0] == '/' {
		upstream = "unix/" + host + ":" + backendPort
	}
	text := fmt.Sprintf(caddyfile, admin, max(s.Loops, 1), s.Driver, upstream, s.Servers, auth(s.Door), p.cache()+encryption(s.Door), port)
	config, err := writeFile(dir, "Caddyfile", text)
	if err != nil {
		return nil, err
	}
	c := p.command(dir, "run", "--config", config, "--adapter", "caddyfile")
	if s.Door.Certificate == nil {
		return c, nil
	}
	if config, err = p.withCertificate(dir, config, s.Door.Certificate); err != nil {
		return nil, err
	}
	return p.command(dir, "run", "--config", config), nil
}

// command is one of Caddy's, with a home of its own.
func (p Pgmux) command(dir string, args ...string) *exec.Cmd {
	c := exec.Command(p.Program, args...)
	c.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	return c
}

// auth is the content of the auth block.
func auth(d Door) string {
	lines := "method " + d.method()
	if d.Keys != nil {
		lines += "\n\t\t\t\tuser " + user + " " + d.verifier()
	}
	return lines
}

// cache is the pool's setting for the query cache. What is measured is not to end its time meanwhile.
func (p Pgmux) cache() string {
	if !p.Caches {
		return ""
	}
	return "\t\t\tquery_cache {\n\t\t\t\tttl 1h\n\t\t\t}\n"
}

// encryption is the pool's setting for TLS.
func encryption(d Door) string {
	if d.Certificate == nil {
		return ""
	}
	return "\t\t\ttls require\n"
}

// withCertificate adds a certificate from files to Caddy's TLS app. In a Caddyfile only a website can have one, so
// what the Caddyfile means is written down as JSON.
func (p Pgmux) withCertificate(dir, caddyfile string, c *Certificate) (path string, err error) {
	file, key, err := c.write(dir, os.Geteuid())
	if err != nil {
		return "", err
	}
	adapted, err := p.command(dir, "adapt", "--config", caddyfile, "--adapter", "caddyfile").Output()
	if err != nil {
		var said *exec.ExitError
		if errors.As(err, &said) {
			err = fmt.Errorf("%w: %s", err, said.Stderr)
		}
		return "", fmt.Errorf("reading the Caddyfile: %w", err)
	}
	var config struct {
		Admin any            `json:"admin"`
		Apps  map[string]any `json:"apps"`
	}
	if err := json.Unmarshal(adapted, &config); err != nil {
		return "", fmt.Errorf("reading the configuration: %w", err)
	}
	files := []map[string]string{{"certificate": file, "key": key}}
	config.Apps["tls"] = map[string]any{"certificates": map[string]any{"load_files": files}}
	text, err := json.Marshal(config)
	if err != nil {
		return "", fmt.Errorf("writing the configuration: %w", err)
	}
	return writeFile(dir, "caddy.json", string(text))
}

const caddyfile = `{
	admin %s
	persist_config off
	postgres {
		event_loops %d
		io_driver %s
		pool bench {
			upstream %s
			pool_mode transaction
			pool_size %d
			max_prepared_statements 1000
			auth {
				%s
			}
%s		}
	}
	layer4 {
		127.0.0.1:%d {
			route {
				postgres_pool bench
			}
		}
	}
}
`
