package sim

import (
	"math"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// reckon checks, when the clients have left, that whatever happened every permit has been given back: as many clients as
// there may be are let in again, and as many as there may be servers have one at the same time. It reports whether the
// world may go on.
func (r *Run) reckon() bool {
	r.Note("the reckoning, in fair weather")
	r.reckoning = true
	r.weather, r.host.weather = Weather{}, Weather{}
	r.doomed = make([]crashPoint, r.Shards)
	r.until(r.now+Second, r.cluster.isWell)
	if !r.until(r.now+10*Second, r.nobodyListens()) {
		r.Violate("rule 9: the clients have left, and 10 s later channels are kept for them")
		return false
	}
	for _, d := range r.declared {
		d.removed = false
		p := &d.config
		p.AutoSize, p.DeferBegin = false, false
		p.Mode, p.QueryWaitTimeout, p.MaxWaitingClients, p.MaxUserClientConnections = engine.Transaction, 0, 0, 0
		p.QueryTimeout, p.TransactionTimeout, p.IdleTransactionTimeout, p.ClientIdleTimeout = 0, 0, 0, 0
	}
	r.reckonAddresses()
	r.apply()
	for _, d := range r.declared {
		r.reckonClients(d)
		m := &meeting{size: r.possible(d)}
		for range m.size {
			r.arrive(d)
			c := r.clients[len(r.clients)-1]
			c.key.user = "user0"
			c.program = &program{c: c, meeting: m}
		}
		if !r.until(r.now+horizon, r.clientsGone) {
			r.Violate("rule 8: of %d clients of %s that need a server at the same time %d have one", m.size, d.config.Name, m.there)
			return false
		}
		if !r.until(r.now+40*Second, r.settled) {
			r.leftovers()
			return false
		}
	}
	return true
}

// reckonAddresses checks that no client of any address is counted any more: of each, one may come where one may.
func (r *Run) reckonAddresses() {
	for _, d := range r.declared {
		d.config.MaxAddressClientConnections = 1
	}
	r.apply()
	for _, d := range r.declared {
		for i := range 3 {
			address := (&Client{id: i + 1}).address()
			if refused := r.Engine.Admit(d.config.Name, address); refused != nil {
				r.Violate("rule 8: nobody of %s is there, and one is refused: %v", address, refused)
				continue
			}
			r.Engine.Leave(d.config.Name, address)
		}
		d.config.MaxAddressClientConnections = 0
	}
}

// reckonClients checks max_client_connections, when nobody is there.
func (r *Run) reckonClients(d *declared) {
	limit := smallest(d.config.MaxClientConnections, r.Config.MaxClientConnections)
	if limit == math.MaxInt {
		return
	}
	for n := range limit {
		if refused := r.Engine.Admit(d.config.Name, ""); refused != nil {
			r.Violate("rule 8: client %d of %d is refused: %v", n+1, limit, refused)
			return
		}
	}
	if r.Engine.Admit(d.config.Name, "") == nil {
		r.Violate("rule 8: %d clients of %d are let in", limit+1, limit)
	}
	for range limit {
		r.Engine.Leave(d.config.Name, "")
	}
}

// possible is how many clients of one user may have a server at the same time.
func (r *Run) possible(d *declared) int {
	servers := 0
	for i := range d.config.Upstreams {
		if u := &d.config.Upstreams[i]; d.takesTransactions(u) && (!d.splits || r.host.ups[u.Address].node == r.cluster.newest()) {
			servers += min(smallest(d.limit(u)), d.config.PoolSize)
		}
	}
	sizes := d.sizes()
	if d.splits {
		sizes = 1
	}
	return min(servers, smallest(sizes*d.config.PoolSize, d.config.MaxClientConnections, r.Config.MaxClientConnections))
}

// smallest is the smallest limit; one that is not positive is none.
func smallest(limits ...int) int {
	least := math.MaxInt
	for _, n := range limits {
		if n > 0 {
			least = min(least, n)
		}
	}
	return least
}

// meeting is clients that begin transactions, and commit when all have begun.
type meeting struct{ size, there int }

// attend is the program of one of them: nil while it waits for the others, or is done.
func (m *meeting) attend(p *program) *batch {
	b := &batch{pause: -1}
	switch p.tags {
	case 0:
		b.query("BEGIN /* " + p.tag() + " */")
	case 1:
		b.query("COMMIT /* " + p.tag() + " */")
	default:
		return nil
	}
	return b
}

// holds reports whether a client has to wait for the others.
func (m *meeting) holds(c *Client) bool {
	if m == nil || c.program.tags != 1 {
		return false
	}
	if c.outstanding == 0 && !c.counted {
		c.counted = true
		m.there++
	}
	return m.there < m.size
}
