package poolhandler

import (
	"io"
	"net"
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"
)

func TestRescuersAcceptWhereNobodyElseDoes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	fd, ok := -1, false
	for _, candidate := range openFiles() {
		if _, port, _ := net.SplitHostPort(listener.Addr().String()); listenName(candidate) == port {
			fd, ok = candidate, true
		}
	}
	if !ok {
		t.Fatal("the listener was not found among the open files")
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	holders := func() (n int) {
		for _, candidate := range openFiles() {
			if listenName(candidate) == port {
				n++
			}
		}
		return n
	}
	r := new(rescuers)
	r.arm(func() {
		if err := r.add(fd, &layer4.Server{}, zap.NewNop()); err != nil {
			t.Error(err)
		}
	})
	// A duplicate that nobody accepts from would keep a socket alive that a reload has closed.
	if n := holders(); n != 1 {
		t.Errorf("%d descriptors hold the socket before anybody is to be rescued", n)
	}
	client := dial(t, listener.Addr().String()) // waits in the queue
	r.start()
	if _, err := io.ReadAll(client); err != nil { // a server without routes closes
		t.Error(err)
	}
	r.close()
	if n := holders(); n != 1 {
		t.Errorf("%d descriptors hold the socket afterwards", n)
	}
	r.start() // too late, and harmless
	client = dial(t, listener.Addr().String())
	accepted, err := listener.Accept() // the listener itself goes on
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
	io.ReadAll(client)
}

func TestListenersAreFoundByTheirServer(t *testing.T) {
	one, two, three := &layer4.Server{Listen: []string{":6432", "unix//run/x.sock|0660"}},
		&layer4.Server{Listen: []string{"127.0.0.1:7000-7002", "10.0.0.1:8000"}},
		&layer4.Server{Listen: []string{"10.0.0.2:8000"}}
	found := listening(&layer4.App{Servers: map[string]*layer4.Server{"1": one, "2": two, "3": three}})
	for name, want := range map[string]*layer4.Server{
		"6432": one, "/run/x.sock": one, "7000": two, "7002": two, "8000": nil, "9": nil,
	} {
		if found[name] != want {
			t.Errorf("%s leads to %+v", name, found[name])
		}
	}
	address, _ := caddy.ParseNetworkAddress("udp/:53")
	if names := listenNames(address); !slices.Equal(names, []string{"53"}) {
		t.Errorf("got %v", names) // no stream socket will have it
	}
}

func TestQueuesFitTheReserve(t *testing.T) {
	defer func(l limit) { theLimit = l }(theLimit)
	for most, want := range map[uint64]int{200: 6, 1024: 16, 20000: 125, 1 << 20: 6553} {
		theLimit = limit{read: func() (uint64, error) { return most, nil }}
		if got := maxBacklog(); got != want {
			t.Errorf("at a limit of %d a queue is %d long, want %d", most, got, want)
		}
	}
}
