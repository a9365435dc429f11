package rival

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// PgBouncer is the program of that name, as Debian packages it.
type PgBouncer struct{}

// nobody is the user it runs as where we are root: it refuses to be that.
const nobody = 65534

// Name is how the tables call it.
func (PgBouncer) Name() string { return "pgbouncer" }

// Prepares is false: it came with 1.21, and had to be switched on.
func (PgBouncer) Prepares() bool { return false }

// Follows is true of what the wire tells of settings. With 1.20 came track_extra_parameters, for more of what servers report;
// search_path is reported from Postgres 18 on.
func (PgBouncer) Follows(setting string) bool {
	switch strings.ToLower(setting) {
	case "application_name", "timezone", "datestyle", "client_encoding", "standard_conforming_strings":
		return true
	}
	return false
}

// Command runs it. It has one event loop in any case. What it writes into its log are errors only.
func (PgBouncer) Command(s Setting, dir string, port int) (*exec.Cmd, error) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			return nil, fmt.Errorf("looking for pgbouncer: %w (apt-get install pgbouncer)", err)
		}
	}
	host, backendPort, err := s.hostAndPort()
	if err != nil {
		return nil, err
	}
	users, err := writeFile(dir, "userlist.txt", fmt.Sprintf("%q %q\n", user, s.Door.verifier()))
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf(pgbouncerINI, host, backendPort, port, s.Door.method(), users, s.Servers)
	if cert := s.Door.Certificate; cert != nil {
		file, key, err := cert.write(dir, nobody)
		if err != nil {
			return nil, err
		}
		text += fmt.Sprintf("client_tls_sslmode = require\nclient_tls_cert_file = %s\nclient_tls_key_file = %s\n", file, key)
	}
	config, err := writeFile(dir, "pgbouncer.ini", text)
	if err != nil {
		return nil, err
	}
	c := exec.Command(program, "-q", config)
	if os.Geteuid() == 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return c, nil
}

const pgbouncerINI = `[databases]
* = host=%s port=%s

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = %s
auth_file = %s
pool_mode = transaction
default_pool_size = %d
max_client_conn = 20000
so_reuseport = 0
server_round_robin = 0
log_connections = 0
log_disconnections = 0
log_stats = 0
ignore_startup_parameters = extra_float_digits
`
