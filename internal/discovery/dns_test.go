package discovery

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// zone is a DNS server on loopback, over UDP and TCP on one port, and what it knows.
type zone struct {
	mu      sync.Mutex
	records map[string][]dns.RR // by name and type
	rcode   int                 // of every answer
	asked   map[string]int      // by network
	cut     bool                // answers over UDP are cut off
	silent  bool
}

// dnsServer starts one that knows these records, in the form of a zone file.
func dnsServer(t *testing.T, records ...string) (z *zone, address string) {
	t.Helper()
	z = &zone{asked: map[string]int{}}
	z.set(t, records...)
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = packets.LocalAddr().String()
	streams, err := net.Listen("tcp", address)
	if err != nil {
		packets.Close()
		t.Skipf("the port that is free for UDP is not for TCP: %v", err)
	}
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: z}, {Listener: streams, Handler: z}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go s.ActivateAndServe()
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	return z, address
}

func (z *zone) set(t *testing.T, records ...string) {
	t.Helper()
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records = map[string][]dns.RR{}
	for _, text := range records {
		r, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		h := r.Header()
		z.records[h.Name+dns.TypeToString[h.Rrtype]] = append(z.records[h.Name+dns.TypeToString[h.Rrtype]], r)
	}
}

func (z *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	network := w.LocalAddr().Network()
	z.asked[network]++
	if z.silent {
		return
	}
	answer := new(dns.Msg)
	answer.SetReply(q)
	if answer.Rcode = z.rcode; z.rcode == dns.RcodeSuccess {
		z.fill(answer, q.Question[0].Name, dns.TypeToString[q.Question[0].Qtype])
	}
	if z.cut && network == "udp" {
		answer.Answer, answer.Truncated = nil, true
	}
	w.WriteMsg(answer)
}

// fill follows aliases, as a server does that is asked to recurse.
func (z *zone) fill(answer *dns.Msg, name, kind string) {
	if alias := z.records[name+"CNAME"]; alias != nil {
		answer.Answer = append(answer.Answer, alias...)
		z.fill(answer, alias[0].(*dns.CNAME).Target, kind)
		return
	}
	answer.Answer = append(answer.Answer, z.records[name+kind]...)
	if len(z.records[name+kind]) > 0 {
		return
	}
	answer.Ns = append(answer.Ns, z.records["internal.SOA"]...)
	for known := range z.records {
		if strings.HasPrefix(known, name) {
			return // the name is there
		}
	}
	answer.Rcode = dns.RcodeNameError
}

// be changes how it answers.
func (z *zone) be(change func(z *zone)) {
	z.mu.Lock()
	defer z.mu.Unlock()
	change(z)
}

func (z *zone) count(network string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked[network]
}

func TestAddressesOfAName(t *testing.T) {
	_, server := dnsServer(t,
		"db.internal. 30 A 10.0.0.2", "db.internal. 20 A 10.0.0.1", "db.internal. 30 A 10.0.0.2", "db.internal. 40 AAAA fd00::1",
		"alias.internal. 5 CNAME db.internal.", "none.internal. 5 TXT x", "internal. 90 SOA ns.internal. x.internal. 1 1 1 1 7",
		"quick.internal. 0 A 10.0.0.9", "slow.internal. 86400 A 10.0.0.9",
	)
	for _, c := range []struct {
		host       string
		ipv4, ipv6 bool
		want       string
		again      time.Duration
	}{
		{"db.internal", true, true, "10.0.0.1:5432, 10.0.0.2:5432, [fd00::1]:5432", 20 * time.Second},
		{"db.internal.", true, false, "10.0.0.1:5432, 10.0.0.2:5432", 20 * time.Second},
		{"db.internal", false, true, "[fd00::1]:5432", 40 * time.Second},
		{"alias.internal", true, true, "10.0.0.1:5432, 10.0.0.2:5432, [fd00::1]:5432", 5 * time.Second},
		{"none.internal", true, true, "", 7 * time.Second}, // the name is there, and has no addresses
		{"quick.internal", true, true, "10.0.0.9:5432", time.Second},
		{"slow.internal", true, true, "10.0.0.9:5432", time.Minute},
		{"192.0.2.7", true, true, "192.0.2.7:5432", time.Minute},
	} {
		s := &A{Host: c.host, Port: 5432, IPv4: c.ipv4, IPv6: c.ipv6, Refresh: time.Minute, Resolver: Resolver{Servers: []string{server}}}
		a, err := s.Ask(t.Context())
		if err != nil || shown(a.Upstreams) != c.want || a.Again != c.again {
			t.Errorf("%s: %s again in %v, %v; want %s in %v", c.host, shown(a.Upstreams), a.Again, err, c.want, c.again)
		}
	}
}

func TestWhatDNSDoesNotKnowIsAnError(t *testing.T) {
	z, server := dnsServer(t, "db.internal. 30 A 10.0.0.1")
	s := &A{Host: "gone.internal", Port: 5432, IPv4: true, Refresh: time.Minute, Resolver: Resolver{Servers: []string{server}}}
	if a, err := s.Ask(t.Context()); err == nil || !strings.Contains(err.Error(), "looking up A of gone.internal: DNS has no such name") {
		t.Errorf("got %s, %v", shown(a.Upstreams), err)
	}
	z.be(func(z *zone) { z.rcode = dns.RcodeServerFailure })
	s.Host = "db.internal"
	if a, err := s.Ask(t.Context()); err == nil || !strings.Contains(err.Error(), "says SERVFAIL") {
		t.Errorf("got %s, %v", shown(a.Upstreams), err)
	}
}

func TestTheNextServerIsAskedWhereOneFails(t *testing.T) {
	broken, first := dnsServer(t)
	broken.be(func(z *zone) { z.rcode = dns.RcodeRefused })
	_, second := dnsServer(t, "db.internal. 30 A 10.0.0.1")
	s := &A{Host: "db.internal", Port: 1, IPv4: true, Refresh: time.Minute, Resolver: Resolver{Servers: []string{first, second}}}
	if a, err := s.Ask(t.Context()); err != nil || shown(a.Upstreams) != "10.0.0.1:1" {
		t.Errorf("got %s, %v", shown(a.Upstreams), err)
	}
	if broken.count("udp") == 0 {
		t.Error("the first server was not asked")
	}
}

func TestALongAnswerComesOverTCP(t *testing.T) {
	z, server := dnsServer(t, "db.internal. 30 A 10.0.0.1")
	z.be(func(z *zone) { z.cut = true })
	s := &A{Host: "db.internal", Port: 1, IPv4: true, Refresh: time.Minute, Resolver: Resolver{Servers: []string{server}}}
	if a, err := s.Ask(t.Context()); err != nil || shown(a.Upstreams) != "10.0.0.1:1" {
		t.Errorf("got %s, %v", shown(a.Upstreams), err)
	}
	if z.count("tcp") == 0 {
		t.Error("it was not asked for over TCP")
	}
}

func TestASilentServerDoesNotOutliveItsWatcher(t *testing.T) {
	z, server := dnsServer(t)
	z.be(func(z *zone) { z.silent = true })
	s := &A{Host: "db.internal", Port: 1, IPv4: true, Refresh: time.Minute, Resolver: Resolver{Servers: []string{server}}}
	var took time.Duration
	for range 3 { // a busy machine may be slow too, but not each time
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer stop()
		begin := time.Now()
		if _, err := s.Ask(ctx); err == nil {
			t.Error("there was an answer")
		}
		if took = time.Since(begin); took <= dnsTimeout {
			return
		}
	}
	t.Errorf("it took %v", took)
}

func TestTargetsOfAService(t *testing.T) {
	for _, c := range []struct {
		why     string
		records []string // priority weight port target
		want    string
	}{
		{"as most write it", []string{"0 0 5432 b", "0 0 5432 a"}, "a:5432 ×1, b:5432 ×1"},
		{"weights are theirs", []string{"10 60 5432 a", "10 40 5433 b", "10 0 5432 c"}, "a:5432 ×60, b:5433 ×40, c:5432 ×1"},
		{"large ones are brought to 1000", []string{"1 65535 1 a", "1 32768 1 b", "1 1 1 c"}, "a:1 ×1000, b:1 ×500, c:1 ×1"},
		{"who comes later gets next to nothing", []string{"20 100 1 spare", "10 5 1 a", "10 10 1 b"}, "b:1 ×1000, a:1 ×500, spare:1 ×1"},
		{"also without weights", []string{"1 0 1 a", "2 0 1 b"}, "a:1 ×1000, b:1 ×1"},
		{"a point means none", []string{"0 0 0 ."}, ""},
	} {
		var lines []string
		for _, r := range c.records {
			if !strings.HasSuffix(r, ".") {
				r += "."
			}
			lines = append(lines, "_pg._tcp.internal. 30 SRV "+r)
		}
		var targets []dns.SRV
		for _, line := range lines {
			r, err := dns.NewRR(line)
			if err != nil {
				t.Fatal(err)
			}
			targets = append(targets, *r.(*dns.SRV))
		}
		if got := shown(fromSRV(targets)); got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
}

func TestTargetsAreResolvedWhereTheServiceIs(t *testing.T) {
	z, server := dnsServer(t,
		"_pg._tcp.internal. 30 SRV 0 5 5432 a.internal.", "_pg._tcp.internal. 30 SRV 0 1 6432 b.internal.",
		"_pg._tcp.internal. 30 SRV 0 1 6432 lost.internal.",
		"a.internal. 10 A 10.0.0.1", "a.internal. 10 AAAA fd00::1", "b.internal. 60 AAAA fd00::2",
	)
	s := &SRV{Name: "_pg._tcp.internal", Refresh: time.Minute, Resolver: Resolver{Servers: []string{server}}}
	a, err := s.Ask(t.Context())
	if want := "10.0.0.1:5432 ×5, [fd00::2]:6432 ×1"; err != nil || shown(a.Upstreams) != want || a.Again != 10*time.Second {
		t.Errorf("got %s again in %v, %v; want %s", shown(a.Upstreams), a.Again, err, want)
	}
	z.set(t, "_pg._tcp.internal. 30 SRV 0 5 5432 a.internal.")
	if a, err := s.Ask(t.Context()); err == nil {
		t.Errorf("no target has an address, and that is %s", shown(a.Upstreams))
	}
}

// TestAChangeInDNSArrives watches a real server, which is changed while it is watched.
func TestAChangeInDNSArrives(t *testing.T) {
	z, server := dnsServer(t, "db.internal. 0 A 10.0.0.1")
	pushed := make(chan string, 100)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	s := &A{Host: "db.internal", Port: 1, IPv4: true, Refresh: time.Minute, Resolver: Resolver{Servers: []string{server}}}
	go func() {
		defer close(ended)
		Watch(ctx, s, func(list []Upstream) { pushed <- shown(list) }, func(err error) {
			if err != nil {
				pushed <- err.Error()
			}
		})
	}()
	await(t, pushed, "10.0.0.1:1")
	z.set(t, "db.internal. 0 A 10.0.0.1", "db.internal. 0 A 10.0.0.2")
	await(t, pushed, "10.0.0.1:1, 10.0.0.2:1")
	stop()
	<-ended
}

// await waits until this is pushed, over what was pushed before it.
func await(t *testing.T, pushed <-chan string, want string) {
	t.Helper()
	patience := time.After(time.Minute)
	var seen []string
	for {
		select {
		case got := <-pushed:
			if got == want {
				return
			}
			seen = append(seen, got)
		case <-patience:
			t.Fatalf("%s never came, but %q", want, seen)
		}
	}
}
