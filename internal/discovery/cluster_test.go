package discovery

import (
	"os"
	"strings"
	"testing"
)

// shown is a list as the tests write it.
func shown(list []Upstream) string {
	words := make([]string, len(list))
	for i, u := range list {
		words[i] = u.Address
		if u.Role != "" && u.Role != "auto" {
			words[i] += " " + u.Role
		}
		if u.Weight != nil {
			words[i] += " ×" + itoa(*u.Weight)
		}
		if u.MaxServerConnections != nil {
			words[i] += " ≤" + itoa(*u.MaxServerConnections)
		}
	}
	return strings.Join(words, ", ")
}

// TestClusterOfTheDocumentation takes the example of Patroni's documentation at its word (rest_api.rst, cluster status endpoints).
func TestClusterOfTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("testdata/cluster.json")
	if err != nil {
		t.Fatal(err)
	}
	list, err := ParseCluster(text)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := shown(list), "10.89.0.4:5432, 10.89.0.6:5433"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMembersOfACluster(t *testing.T) {
	for _, c := range []struct{ why, members, want string }{
		{"a synchronous standby is a replica like others", `{"role":"leader","state":"running","host":"a","port":1},{"role":"sync_standby","state":"streaming","host":"b","port":2},{"role":"quorum_standby","state":"streaming","host":"c","port":3}`, "a:1, b:2, c:3"},
		{"a standby cluster has a leader in recovery", `{"role":"standby_leader","state":"in archive recovery","host":"a","port":1}`, "a:1"},
		{"one that does not run is left out", `{"role":"leader","state":"stopped","host":"a","port":1},{"role":"replica","state":"starting","host":"b","port":2},{"role":"replica","state":"creating replica","host":"c","port":3},{"role":"replica","state":"running","host":"d","port":4}`, "d:4"},
		{"a new one may have no address yet", `{"role":"replica","state":"running"},{"role":"leader","state":"running","host":"a"}`, "a:5432"},
		{"noloadbalance is left out until it leads", `{"role":"replica","state":"streaming","host":"a","port":1,"tags":{"noloadbalance":true}},{"role":"leader","state":"running","host":"b","port":2,"tags":{"noloadbalance":"true"}}`, "b:2"},
		{"nofailover is a replica for good", `{"role":"leader","state":"running","host":"a","port":1},{"role":"replica","state":"streaming","host":"b","port":2,"tags":{"nofailover":"yes"}},{"role":"replica","state":"streaming","host":"c","port":3,"tags":{"nofailover":false,"noloadbalance":0}}`, "a:1, b:2 replica, c:3"},
		{"IPv6", `{"role":"leader","state":"running","host":"fd00::1","port":5432}`, "[fd00::1]:5432"},
		{"the names of old versions", `{"role":"master","state":"running","host":"a","port":1,"tags":{"nofailover":true}}`, "a:1"},
	} {
		list, err := ParseCluster([]byte(`{"members":[` + c.members + `],"scope":"s"}`))
		if err != nil || shown(list) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.why, shown(list), err, c.want)
		}
	}
}

func TestClusterWithoutAnybodyIsAnError(t *testing.T) {
	for _, text := range []string{`{}`, `{"members":[]}`, `{"members":[{"role":"leader","state":"stopped","host":"a"}]}`, `[]`, `not JSON`, ``} {
		if list, err := ParseCluster([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "reading Patroni's cluster: ") {
			t.Errorf("%s: %s, %v", text, shown(list), err)
		}
	}
}
