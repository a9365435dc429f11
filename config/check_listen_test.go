package config

import (
	"strings"
	"testing"
)

// listening is a pool that works, and listens there.
func listening(addresses ...string) *App {
	return &App{Pools: map[string]*Pool{"app": {
		Upstream: []*Upstream{{Address: "127.0.0.1:5432"}},
		Auth:     &Auth{User: map[string]string{"alice": "wonderland"}},
		Listen:   addresses,
	}}}
}

func TestListenNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		addresses []string
		want      string
	}{
		{[]string{"6432"}, `has "6432", which has no port; write one like :6432`},
		{[]string{":0"}, `has ":0", which has no port`},
		{[]string{""}, `has "", which`},
		{[]string{":70000"}, `has ":70000", which is no address`},
		{[]string{"udp/:6432"}, `has "udp/:6432", but Postgres speaks over streams`},
		{[]string{"unixgram//run/x"}, "but Postgres speaks over streams"},
		{[]string{"fdgram/3"}, "but Postgres speaks over streams"},
		{[]string{"unix/run/pgmux.sock"}, "whose path is relative; write unix/ and a path from the root"},
		{[]string{"unix//run/pgmux.sock|0444"}, "owner of the socket requires"},
		{[]string{"fd/2"}, "fd/ takes the number of a descriptor, 3 or more"},
		{[]string{"fd/three"}, "fd/ takes the number of a descriptor, 3 or more"},
		{[]string{":6432-6532"}, "which are 101 ports; 100 are allowed"},
		{[]string{":6432", ":6433", ":6432"}, "has :6432 twice; remove one"},
		{[]string{":6430-6440", ":6432"}, "has :6432 twice; remove one"},
		{[]string{"unix//run/a.sock|0660", "unix//run/a.sock|0600"}, "has unix//run/a.sock twice; remove one"},
	} {
		err := Check(listening(c.addresses...))
		if err == nil || !strings.HasPrefix(err.Error(), "pools.app.listen: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.addresses, err, c.want)
		}
	}
}

func TestListenPassesWhatWorks(t *testing.T) {
	app := listening(":6432", "127.0.0.1:6432", "tcp6/[::1]:6432", "localhost:6433-6532", "unix//run/pgmux.sock|0660", "unix/@pgmux",
		"fd/3", "{env.LISTEN}", "{env.LISTEN}")
	if err := Check(app); err != nil {
		t.Error(err)
	}
}

func TestListenAddressesThatAreTheSame(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{":6432", ":6432"}, {"tcp/:6432", ":6432"}, {"TCP6/[::1]:6432", "tcp6/[::1]:6432"},
		{"unix//run/a.sock|0660", "unix//run/a.sock"}, {"fd/3", "fd/3"},
	} {
		all, err := ParseListen(c.text)
		if err != nil || len(all) != 1 || all[0].String() != c.want {
			t.Errorf("%s: %v, %v; want %s", c.text, all, err, c.want)
		}
	}
}
