package main

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/report"
	"github.com/pgmux/caddy-pgmux/bench/internal/rig"
	"github.com/pgmux/caddy-pgmux/bench/internal/rival"
	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
	"github.com/pgmux/caddy-pgmux/internal/scram"
)

// keeper lets clients in by SCRAM, with the pooler's own package for it, and counts them.
type keeper struct {
	verifier       scram.Verifier
	config         *tls.Config // nil: no TLS
	came, goodbyes atomic.Int64
}

// keep has a keeper listen.
func keep(t *testing.T, k *keeper) (address string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go k.serve(c)
		}
	}()
	return l.Addr().String()
}

// serve is one connection. Whatever is not as it should be ends it, and then the client complains.
func (k *keeper) serve(c net.Conn) {
	defer c.Close()
	if k.config != nil {
		var request [8]byte
		if _, err := io.ReadFull(c, request[:]); err != nil {
			return
		}
		c.Write([]byte("S"))
		c = tls.Server(c, k.config)
	}
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(size[:]))-4); err != nil {
		return
	}
	k.came.Add(1)
	if !k.admit(c) {
		return
	}
	c.Write(wire.Append(nil, wire.ReadyForQuery, []byte("I")))
	for {
		switch tag, _ := hear(c); tag {
		case wire.Query:
			b := wire.Append(nil, wire.DataRow, wire.Int16(1), wire.Int32(1), []byte("1"))
			for _, piece := range bytes.SplitAfter(wire.Append(b, wire.ReadyForQuery, []byte("I")), []byte{0}) {
				c.Write(piece)
			}
		case wire.Terminate:
			k.goodbyes.Add(1)
			return
		default:
			return
		}
	}
}

// admit is the server's side of SCRAM.
func (k *keeper) admit(c net.Conn) bool {
	s := scram.NewServer(k.verifier, []byte("thenonceoftheserver"))
	c.Write(wire.Append(nil, wire.Authentication, wire.Int32(10), wire.Text(wire.Mechanism), []byte{0}))
	_, body := hear(c)
	_, first, _ := bytes.Cut(body, []byte{0})
	if len(first) < 4 {
		return false
	}
	answer, err := s.Step(first[4:])
	if err != nil {
		return false
	}
	c.Write(wire.Append(nil, wire.Authentication, wire.Int32(11), answer))
	_, proof := hear(c)
	if answer, err = s.Step(proof); err != nil {
		c.Write(wire.AppendError(nil, "28P01", "wrong proof"))
		return false
	}
	c.Write(wire.Append(wire.Append(nil, wire.Authentication, wire.Int32(12), answer), wire.Authentication, wire.Int32(0)))
	return true
}

// hear reads one message; tag 0: there is none.
func hear(c net.Conn) (tag byte, body []byte) {
	var head [5]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return 0, nil
	}
	body = make([]byte, binary.BigEndian.Uint32(head[1:])-4)
	if _, err := io.ReadFull(c, body); err != nil {
		return 0, nil
	}
	return head[0], body
}

// aKeeper is one that has the verifier of door's keys, and its certificate.
func aKeeper(t *testing.T, door rival.Door) *keeper {
	t.Helper()
	k := &keeper{}
	var err error
	if k.verifier, err = scram.ParseVerifier(door.Keys.Verifier()); err != nil {
		t.Fatal(err)
	}
	if door.Certificate != nil {
		pair, err := tls.X509KeyPair(door.Certificate.PEM())
		if err != nil {
			t.Fatal(err)
		}
		k.config = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	return k
}

// Every visitor proves its keys, gets its row, whatever pieces that comes in, and says goodbye.
func TestVisitorsComeAndGo(t *testing.T) {
	doors, err := parseDoors("scram", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, driver := range drivers {
		for _, door := range doors {
			t.Run(driver+"/"+door.Name(), func(t *testing.T) {
				st := onStage(t, driver, false)
				k := aKeeper(t, door)
				address, filled := keep(t, k), int64(0)
				s := patiently(t, anything, func(w window) (report.Sample, error) {
					filled += 2
					return st.visit(target{address: address}, door, 2, 8, w)
				})
				if s.PerSecond == 0 || s.P50 == 0 || s.P50 > s.P99 || s.Clients != 8 || s.Mode != door.Name() {
					t.Fatalf("sample %+v", s)
				}
				for end := time.Now().Add(time.Minute); k.goodbyes.Load() < k.came.Load()-filled; time.Sleep(time.Millisecond) {
					if time.Now().After(end) { // but for those that filled the pool
						t.Fatalf("%d came, and %d said goodbye", k.came.Load(), k.goodbyes.Load())
					}
				}
			})
		}
	}
}

func TestVisitorsWhoAreTrusted(t *testing.T) {
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			st := onStage(t, driver, false)
			// Without a pooler, every visit is a login of the server.
			both := func(s report.Sample) bool { return s.PerSecond > 0 && s.ServerLogins > 0 }
			s := patiently(t, both, func(w window) (report.Sample, error) {
				return st.visit(target{address: st.address}, rival.Door{}, 2, 8, w)
			})
			if c := st.counters(); !both(s) || c.Broken != 0 {
				t.Fatalf("%+v; the server saw %+v", s, c)
			}
		})
	}
}

// What a pooler gets wrong is told, and does not hang.
func TestVisitorsComplain(t *testing.T) {
	doors, err := parseDoors("scram", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, door := range doors {
		k := aKeeper(t, door)
		if door.Keys, err = wire.NewKeys("another", []byte(salt), iterations); err != nil {
			t.Fatal(err)
		}
		st := onStage(t, "epoll", false)
		_, err := st.visit(target{address: keep(t, k)}, door, 0, 2, window{length: 20 * time.Millisecond})
		if err == nil || !strings.Contains(err.Error(), "28P01 wrong proof") {
			t.Errorf("%s: %v", door.Name(), err)
		}
	}
}

func TestDoorsAreReadOrRefused(t *testing.T) {
	doors, err := parseDoors("trust,scram", true)
	var names []string
	for _, d := range doors {
		names = append(names, d.Name())
	}
	if got := strings.Join(names, "; "); got != "trust; scram-sha-256; trust, tls; scram-sha-256, tls" || err != nil {
		t.Fatalf("%s, %v", got, err)
	}
	if _, err := parseDoors("md5", false); err == nil || !strings.Contains(err.Error(), "md5") {
		t.Errorf("md5: %v", err)
	}
	if _, err := parseLogins([]string{"-poolers", "relay"}); err == nil || !strings.Contains(err.Error(), "relay") {
		t.Errorf("relay: %v", err)
	}
}

// There are more sources than one, and all are of this machine.
func TestSourcesAreMany(t *testing.T) {
	seen := map[string]bool{}
	for n := range uint64(200) {
		a := rig.Source(n)
		if !a.IsLoopback() {
			t.Fatalf("%v is not of this machine", a)
		}
		seen[a.String()] = true
	}
	if len(seen) != 64 {
		t.Fatalf("%d addresses", len(seen))
	}
}
