package sim

import (
	"slices"

	"github.com/pgmux/caddy-pgmux/routing"
)

// cluster is servers that have one log: a primary writes it, replicas replay it later. What is committed is an entry of it, the tag of
// the statement that has written; so which entries a server has says which writes whoever reads there sees.
type cluster struct {
	w     *World
	nodes []*node
	// timeline is the newest.
	timeline uint32
	// written is what each client has written.
	written map[*Client][]entry
	probing map[string]*probing // by pool
	// ahead is how much is going to happen to the servers.
	ahead int
}

// node is one server of a cluster.
type node struct {
	cluster  *cluster
	up       *Upstream
	primary  bool
	timeline uint32
	// log is the entries that it has; those of several nodes share their memory, and nobody changes an entry.
	log []string
	// lag is how long it takes to replay an entry, at most, while it is a replica.
	lag int64
}

// entry is where in the log of the server that wrote it a write is. early: nobody had told the client's pool yet that this is the primary,
// so the pool may well take the old one for that, for as long.
type entry struct {
	tag   string
	at    int
	early bool
}

// newCluster makes a cluster of upstreams, the first of which is the primary.
func (w *World) newCluster(ups []*Upstream) *cluster {
	c := &cluster{w: w, timeline: 1, written: map[*Client][]entry{}}
	for i, up := range ups {
		n := &node{cluster: c, up: up, primary: i == 0, timeline: 1, lag: int64(w.Between(int(100*Microsecond), int(maxReplay)))}
		if w.Chance(0.1) {
			n.lag *= 10
		}
		up.node = n
		c.nodes = append(c.nodes, n)
	}
	return c
}

// maxReplay bounds how long most replicas take to replay an entry.
const maxReplay = 10 * Millisecond

// position is up to where a server has written or replayed. No commit ends at the beginning of a page.
func (n *node) position() routing.LSN { return routing.LSN(1<<20 + 1000*len(n.log) + 100) }

// has reports whether whoever reads at a server sees a write.
func (n *node) has(e entry) bool { return e.at < len(n.log) && n.log[e.at] == e.tag }

// newest is the primary of the newest timeline, there or not.
func (c *cluster) newest() *node {
	for _, n := range c.nodes {
		if n.primary && n.timeline == c.timeline {
			return n
		}
	}
	panic("bug: a cluster without a primary")
}

// commits adds an entry to the log of a primary; its replicas replay it sooner or later.
func (c *cluster) commits(n *node, tag string, by *Client) {
	n.log = append(slices.Clip(n.log), tag)
	if by != nil {
		c.written[by] = append(c.written[by], entry{tag, len(n.log) - 1, c.isEarly(by, n)})
	}
	c.stream()
}

// isEarly reports whether nobody has told a client's pool yet that a server is the primary.
func (c *cluster) isEarly(by *Client, n *node) bool {
	return c.probing[by.key.pool].was[n.up.address].InRecovery
}

// stream lets the replicas replay what the primary has written by now.
func (c *cluster) stream() {
	from := c.newest()
	if from.up.down {
		return
	}
	written := len(from.log)
	for _, n := range c.nodes {
		if !n.primary {
			c.w.After(int64(c.w.random.Int64N(n.lag)), func() { n.replay(from, written) })
		}
	}
}

// replay makes the log of a replica that of the primary up to there, if it can follow it.
func (n *node) replay(from *node, written int) {
	if n.primary || n.up.down || from.up.down || !from.primary || from.timeline < n.timeline || len(n.log) > written {
		return
	}
	if slices.Equal(n.log, from.log[:len(n.log)]) {
		n.log, n.timeline = from.log[:written:written], from.timeline
	}
}

// misses is a write of a client that a server does not have, and that has not been lost with an old primary.
func (c *cluster) misses(by *Client, n *node) (e entry, misses bool) {
	for _, e := range c.written[by] {
		if !n.has(e) && c.newest().has(e) && !(n.primary && e.early) {
			return e, true
		}
	}
	return entry{}, false
}
