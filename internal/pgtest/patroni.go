package pgtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patroniScope is what the cluster is called in etcd.
const patroniScope = "app"

// PatroniPackages is what Debian calls Patroni and the store it needs.
var PatroniPackages = []string{"patroni", "etcd-server"}

// FindPatroni says what is missing to start a cluster of Patroni.
func FindPatroni() error {
	for _, program := range []string{"patroni", "patronictl", "etcd"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("no Patroni on this machine (`make test-deps` installs it where it can): %w", err)
		}
	}
	return nil
}

// Patroni is a cluster of Postgres that Patroni runs: it decides who is the primary, by a lease in its etcd.
type Patroni struct {
	// Members are the servers. Patroni starts and stops them, and nobody else does.
	Members []*Server
	// URLs are where each member's Patroni answers.
	URLs []string

	install  Install
	who      account
	root     string
	etcd     string // its address
	programs []*process
}

// StartPatroni starts a cluster for a test, with the roles and databases of the options, and stops it at the test's end. It returns when
// all members but one follow that one.
func StartPatroni(t testing.TB, members int, o Options) *Patroni {
	t.Helper()
	p, err := newPatroni(o)
	if err != nil {
		t.Fatalf("starting Patroni: %v", err)
	}
	t.Cleanup(func() { p.finish(t) })
	ctx, cancel := context.WithTimeout(context.Background(), 2*startTimeout)
	defer cancel()
	if err := p.start(ctx, members, o); err != nil {
		t.Fatalf("starting Patroni: %v", err)
	}
	return p
}

// newPatroni makes the directory of everything.
func newPatroni(o Options) (*Patroni, error) {
	in, err := find(o.Version)
	if err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	removeStale()
	root, err := os.MkdirTemp("", rootPattern)
	if err != nil {
		return nil, fmt.Errorf("making a directory for Patroni: %w", err)
	}
	if err := errors.Join(claim(root), os.Chmod(root, 0o755), who.own(root)); err != nil {
		return nil, fmt.Errorf("preparing the directory of Patroni: %w", err)
	}
	return &Patroni{install: in, who: who, root: root}, nil
}

// start starts etcd, and then the members.
func (p *Patroni) start(ctx context.Context, members int, o Options) error {
	if err := p.startEtcd(); err != nil {
		return err
	}
	for i := range members {
		if err := p.startMember(i); err != nil {
			return err
		}
	}
	if err := p.awaitMembers(ctx); err != nil {
		return err
	}
	leader, _, err := p.Leader(ctx)
	if err != nil {
		return err
	}
	return leader.Exec(ctx, "postgres", o.statements()...)
}

// startEtcd starts the store of the lease.
func (p *Patroni) startEtcd() error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	p.etcd = fmt.Sprintf("127.0.0.1:%d", ports[0])
	client, peer := "http://"+p.etcd, fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	return p.run("etcd", syscall.SIGKILL, "etcd", "--name=etcd", "--data-dir="+filepath.Join(p.root, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls="+client, "--advertise-client-urls="+client, "--listen-peer-urls="+peer,
		"--initial-advertise-peer-urls="+peer, "--initial-cluster=etcd="+peer)
}

// startMember starts a Patroni with its Postgres.
func (p *Patroni) startMember(i int) error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("member%d", i)
	s := &Server{Install: p.install, Host: "127.0.0.1", Port: ports[0], SocketDir: p.root, who: p.who, root: p.root,
		data: filepath.Join(p.root, name)}
	p.Members = append(p.Members, s)
	p.URLs = append(p.URLs, fmt.Sprintf("http://127.0.0.1:%d", ports[1]))
	text, err := json.MarshalIndent(p.configuration(name, s, ports[1]), "", "  ") // YAML without tabs
	if err != nil {
		return fmt.Errorf("configuring Patroni: %w", err)
	}
	file := filepath.Join(p.root, name+".yml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("configuring Patroni: %w", err)
	}
	// Told to end, it ends its Postgres first.
	return p.run(name, syscall.SIGTERM, "patroni", file)
}

type object = map[string]any

// configuration is that of a member: with a lease that is short, because tests wait for it.
func (p *Patroni) configuration(name string, s *Server, rest int) object {
	web := fmt.Sprintf("127.0.0.1:%d", rest)
	hba := []string{"local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"}
	return object{
		"scope": patroniScope, "name": name,
		"restapi": object{"listen": web, "connect_address": web},
		"etcd3":   object{"host": p.etcd},
		"bootstrap": object{
			"dcs": object{"ttl": 20, "loop_wait": 1, "retry_timeout": 9, "maximum_lag_on_failover": 1 << 20,
				"postgresql": object{"use_pg_rewind": true, "parameters": object{"max_connections": 250, "wal_log_hints": "on"}}},
			"initdb": []any{object{"encoding": "UTF8"}, object{"locale": "C"}, "no-sync"},
		},
		"postgresql": object{
			"listen": s.Addr(), "connect_address": s.Addr(), "data_dir": s.data, "bin_dir": s.Install.Bin, "pg_hba": hba,
			"basebackup":     []any{object{"checkpoint": "fast"}, "no-sync"},
			"pgpass":         filepath.Join(p.root, name+".pgpass"),
			"authentication": object{"superuser": object{"username": "postgres"}, "replication": object{"username": "postgres"}},
			"parameters": object{"unix_socket_directories": p.root, "shared_buffers": "32MB", "fsync": "off", "timezone": "UTC",
				"log_timezone": "UTC"},
		},
	}
}

// run starts a program that ends with us, by a signal, and writes its log.
func (p *Patroni) run(name string, end syscall.Signal, program string, args ...string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return fmt.Errorf("looking for %s: %w", program, err)
	}
	logFile, err := os.Create(p.log(name))
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", name, err)
	}
	defer logFile.Close()
	cmd := p.who.command(context.Background(), p.root, path, args...)
	cmd.SysProcAttr.Pdeathsig = end
	cmd.Env = append(cmd.Env, "HOME="+p.root)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	started := &process{cmd: cmd, done: make(chan struct{})}
	if err := started.start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	p.programs = append(p.programs, started)
	return nil
}

func (p *Patroni) log(name string) string { return filepath.Join(p.root, name+".log") }

// freePorts picks several.
func freePorts(n int) (ports []int, err error) {
	for range n {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}

// member is one line of what Patroni tells of its cluster.
type member struct {
	Role, State string
	Port        int
}

// cluster is what the first Patroni that answers tells.
func (p *Patroni) cluster(ctx context.Context) (members []member, err error) {
	for _, url := range p.URLs {
		var told struct{ Members []member }
		if err = getJSON(ctx, url+"/cluster", &told); err == nil {
			return told.Members, nil
		}
	}
	return nil, err
}

func getJSON(ctx context.Context, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("asking %s: %w", url, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking %s: %w", url, err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	return nil
}

// Leader is who is the primary, and who are its replicas that run, as Patroni knows.
func (p *Patroni) Leader(ctx context.Context) (leader *Server, replicas []*Server, err error) {
	members, err := p.cluster(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range members {
		s := p.member(m.Port)
		switch {
		case s == nil:
		case m.Role == "leader" && m.State == "running":
			leader = s
		case m.State == "running" || m.State == "streaming":
			replicas = append(replicas, s)
		}
	}
	if leader == nil {
		return nil, nil, fmt.Errorf("there is no leader among %v", members)
	}
	return leader, replicas, nil
}

func (p *Patroni) member(port int) *Server {
	for _, s := range p.Members {
		if s.Port == port {
			return s
		}
	}
	return nil
}

// awaitMembers waits until one leads and the others follow.
func (p *Patroni) awaitMembers(ctx context.Context) error {
	for {
		leader, replicas, err := p.Leader(ctx)
		if err == nil && len(replicas) == len(p.Members)-1 {
			if err = leader.streamsTo(ctx, len(replicas)); err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for all members: %w (last: %v)", ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// streamsTo demands so many replicas.
func (s *Server) streamsTo(ctx context.Context, replicas int) error {
	var n int
	if err := s.ask(ctx, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", &n); err != nil {
		return err
	}
	if n < replicas {
		return fmt.Errorf("%d replicas of %d stream", n, replicas)
	}
	return nil
}

// Switchover has another member lead, as an operator asks for it, and waits until it does and the others follow.
func (p *Patroni) Switchover(ctx context.Context, to *Server) error {
	name := filepath.Base(to.data)
	ask := p.who.command(ctx, p.root, "patronictl", "-c", filepath.Join(p.root, name+".yml"), "switchover", patroniScope, "--force",
		"--candidate", name)
	if out, err := ask.CombinedOutput(); err != nil || strings.Contains(string(out), "failed") {
		return fmt.Errorf("patronictl switchover: %w: %s", errors.Join(err, errors.New("refused")), out)
	}
	return p.awaitMembers(ctx)
}

// finish ends a test's cluster: each Patroni, and with it its Postgres, then etcd.
func (p *Patroni) finish(t testing.TB) {
	for i := range p.Members {
		if t.Failed() {
			text, _ := os.ReadFile(p.log(fmt.Sprintf("member%d", i)))
			t.Logf("the log of Patroni %d ends with:\n%s", i, tail(string(text), 4<<10))
		}
	}
	// All members at once, so that none takes over from another, and then etcd, without which they do not end well.
	store := min(1, len(p.programs))
	if err := errors.Join(endAll(p.programs[store:]), endAll(p.programs[:store])); err != nil {
		t.Errorf("stopping Patroni: %v", err)
	}
	if err := os.RemoveAll(p.root); err != nil {
		t.Errorf("removing the directory of Patroni: %v", err)
	}
}

// endAll ends programs in good order, all at once.
func endAll(programs []*process) (err error) {
	for _, p := range programs {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, p := range programs {
		err = errors.Join(err, p.awaitEnd())
	}
	return err
}

// awaitEnd waits until a program that was told to end has, or ends it by force.
func (p *process) awaitEnd() error {
	select {
	case <-p.done:
		return nil
	case <-time.After(startTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not end within %v and was killed", p.cmd.Path, startTimeout)
	}
}
