package discovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// cluster is what Patroni's `GET /cluster` answers, as far as it matters here.
type cluster struct {
	Members []member `json:"members"`
}

type member struct {
	Name  string         `json:"name"`
	Role  string         `json:"role"`
	State string         `json:"state"`
	Host  string         `json:"host"`
	Port  int            `json:"port"`
	Tags  map[string]any `json:"tags"`
}

var (
	// runs is the states in which a member's Postgres takes connections. Since Patroni 3, a replica's says how it gets its log.
	runs = []string{"running", "streaming", "in archive recovery"}
	// leads is the roles of who has the leader's lock, by all versions of Patroni. A standby_leader is in recovery itself.
	leads = []string{"leader", "standby_leader", "master", "primary"}
)

// defaultPort is where Postgres is if a member does not say.
const defaultPort = 5432

var errNobodyRuns = errors.New("reading Patroni's cluster: it has no member that runs")

// ParseCluster reads what Patroni's `GET /cluster` has answered. Members that do not run are left out, and so are replicas tagged
// noloadbalance. One tagged nofailover is a replica, and will be; what the others are is found out where they are, as Patroni's
// view may be ten seconds old. A cluster without any that runs is an error: whoever was known before is better than nobody.
func ParseCluster(text []byte) ([]Upstream, error) {
	var c cluster
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("reading Patroni's cluster: %w", err)
	}
	var list []Upstream
	for _, m := range c.Members {
		if m.usable() {
			list = append(list, m.upstream())
		}
	}
	if len(list) == 0 {
		return nil, errNobodyRuns
	}
	return list, nil
}

func (m *member) usable() bool {
	return m.Host != "" && slices.Contains(runs, m.State) && (m.leads() || !m.tagged("noloadbalance"))
}

func (m *member) upstream() Upstream {
	port := m.Port
	if port == 0 {
		port = defaultPort
	}
	u := Upstream{Address: net.JoinHostPort(m.Host, strconv.Itoa(port)), Role: "auto"}
	if m.tagged("nofailover") && !m.leads() {
		u.Role = "replica"
	}
	return u
}

func (m *member) leads() bool { return slices.Contains(leads, m.Role) }

// tagged reports a tag that is set. Tags are what people write in YAML, so a word may stand for true.
func (m *member) tagged(tag string) bool {
	switch v := m.Tags[tag].(type) {
	case bool:
		return v
	case string:
		return slices.Contains([]string{"true", "on", "yes", "1"}, strings.ToLower(v))
	case float64:
		return v != 0
	}
	return false
}
