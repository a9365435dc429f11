package rival

import (
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
}

// Name is how the tables call it.
func (Pgmux) Name() string { return "pgmux" }

// Prepares is true.
func (Pgmux) Prepares() bool { return true }

// Command runs it with one event loop.
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
	config, err := writeFile(dir, "Caddyfile", fmt.Sprintf(caddyfile, admin, s.Driver, upstream, s.Servers, port))
	if err != nil {
		return nil, err
	}
	c := exec.Command(p.Program, "run", "--config", config, "--adapter", "caddyfile")
	c.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	return c, nil
}

const caddyfile = `{
	admin %s
	persist_config off
	postgres {
		event_loops 1
		io_driver %s
		pool bench {
			upstream %s
			pool_mode transaction
			pool_size %d
			max_prepared_statements 1000
			auth {
				method trust
			}
		}
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
