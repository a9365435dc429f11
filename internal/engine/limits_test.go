package engine

import (
	"fmt"
	"testing"
	"time"
)

// max_user_client_connections and max_address_client_connections: at the limit, past it, and after one has left. The
// refusals say which limit, its value and the cure.
func TestLimitsOfUsersAndAddresses(t *testing.T) {
	p := onePool(5)
	p.MaxUserClientConnections, p.MaxAddressClientConnections = 2, 3
	r := newRig(t, 2, p)
	r.wordy = true
	as := func(name, login, address string) *rigSocket {
		return r.clientAs(name, Client{Login: login, Address: address})
	}
	r.note("two of alice, from anywhere; users count as they log in, not as they log in to servers")
	a := as("a", "alice", "192.0.2.1:1001")
	as("b", "alice", "192.0.2.2:1002")
	as("c", "alice", "192.0.2.3:1003")
	r.note("three from one address, whatever their port; who was refused does not count")
	as("d", "bob", "192.0.2.1:1004")
	as("e", "carol", "192.0.2.1:1005")
	as("f", "dave", "192.0.2.1:1006")
	r.note("one leaves: there is room for one of alice, and one from there")
	r.leaves(a)
	as("g", "alice", "192.0.2.1:1007")
	as("h", "dave", "192.0.2.1:1008")
	r.note("Unix sockets have no address")
	for i := range 5 {
		as(fmt.Sprintf("u%d", i), fmt.Sprintf("user%d", i), "/run/pgmux.sock")
	}
	r.note("limits are live: smaller ones send nobody away")
	p.MaxUserClientConnections, p.MaxAddressClientConnections = 1, 1
	r.apply(p)
	as("i", "bob", "192.0.2.9:1")
	as("j", "erin", "192.0.2.1:2")
	p.MaxUserClientConnections, p.MaxAddressClientConnections = 0, 0
	r.apply(p)
	as("k", "bob", "192.0.2.1:3")
	r.compare()
}

// Whatever becomes of clients, what they counted is given back, and nothing is remembered of them.
func TestLimitsAreGivenBack(t *testing.T) {
	p := onePool(2)
	p.MaxUserClientConnections, p.MaxAddressClientConnections = 100, 100
	r := newRig(t, 2, p)
	r.quiet, r.crashes = true, true
	var all []*rigSocket
	for i := range 40 {
		all = append(all, r.clientAs("c", Client{Login: fmt.Sprintf("user%d", i%7), Address: fmt.Sprintf("[2001:db8::%x%%eth0]:%d", i%5, i)}))
	}
	limits := &r.e.templates["app"].limits
	if len(limits.addresses) != 5 || len(limits.logins) != 7 {
		t.Fatalf("%d addresses, %d users", len(limits.addresses), len(limits.logins))
	}
	for i, c := range all[:10] {
		r.says(c, []string{"Terminate:", "hang", "begin", "X"}[i%4])
		c.ended = true
	}
	r.settle()
	r.note("a loop crashes, with clients in its mail")
	for i := range 4 {
		r.newClientAs("m", Client{Pool: "app", Database: "db", User: "u", Address: fmt.Sprintf("192.0.2.%d:1", i)})
	}
	r.loops[0].shard.mail.Post(mail{kind: mailServer})
	r.settle()
	r.note("and the rest is told to go, with clients in the mail of shards that have stopped")
	r.e.Drain()
	r.settle()
	r.pass(time.Minute)
	if n := r.e.Clients(); n != 0 || len(limits.addresses) != 0 || len(limits.logins) != 0 || len(limits.counts) != 0 {
		t.Errorf("%d clients, %d addresses, %d users, %d places", n, len(limits.addresses), len(limits.logins), len(limits.counts))
	}
}

// A hand-over that fails leaves the admission with the caller, and the user out.
func TestAttachThatIsRefused(t *testing.T) {
	p := onePool(1)
	p.MaxUserClientConnections = 1
	r := newRig(t, 1, p)
	r.e.Shard(0).capacity = 1
	if refusal := r.e.Admit("app", "192.0.2.1:1"); refusal != nil {
		t.Fatal(refusal)
	}
	r.e.Shard(0).attached.Store(1)
	if refusal := r.e.Attach(Client{Pool: "app", Database: "db", User: "u", Address: "192.0.2.1:1"}); refusal == nil || refusal.SQLState != "53300" {
		t.Fatalf("a loop that is full takes a client: %v", refusal)
	}
	if r.e.Clients() != 1 {
		t.Error("the admission is gone")
	}
	r.e.Leave("app", "192.0.2.1:1")
	limits := &r.e.templates["app"].limits
	if r.e.Clients() != 0 || len(limits.logins) != 0 || len(limits.addresses) != 0 {
		t.Errorf("%d clients, %v, %v", r.e.Clients(), limits.logins, limits.addresses)
	}
}

func TestHostOf(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1:5432": "192.0.2.1", "192.0.2.1": "192.0.2.1", "[2001:db8::1]:5432": "2001:db8::1", "2001:db8::1": "2001:db8::1",
		"[fe80::1%eth0]:1": "fe80::1", "fe80::1%eth0": "fe80::1", "": "", "@": "", "/run/x.sock": "", "[fe80::1": "fe80::1",
	} {
		if got := hostOf(address); got != want {
			t.Errorf("%s is of %q, not %q", address, got, want)
		}
	}
	longest := "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%a-very-long-zone]:65535"
	if hostOf(longest) != hostOf(kept(longest)) {
		t.Error("a long address is another one when it leaves")
	}
}
