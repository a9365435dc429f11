package engine

import "math"

// pool_size auto follows what is recommended: up at once, and as far as the last seconds ask for; down by a tenth of
// the way each second, and not while somebody waits. A pool that is too small and a Postgres that is too slow look alike
// from here: the more servers there are, the longer each takes, the more are recommended. So there is a bound above:
// max_server_connections.

// maxAutoSize is that bound where an upstream has none.
const maxAutoSize = 1000

// sizeBounds is between what pool_size auto stays.
func (t *template) sizeBounds() (least, most int) {
	for _, u := range *t.upstreams.Load() {
		if limit := u.servers.Limit(); limit > 0 {
			most += limit
		} else {
			most += maxAutoSize
		}
	}
	most = max(most, 1)
	return min(max(t.config.Load().MinPoolSize, 1), most), most
}

// resize takes a pool's size from the configuration. One that has followed the load goes on from where it is.
func (p *sharedPool) resize() {
	cfg := p.template.config.Load()
	p.shared.SetReserve(cfg.ReservePoolSize)
	p.load.mu.Lock()
	defer p.load.mu.Unlock()
	if !cfg.AutoSize {
		p.load.size = 0
		p.shared.Size.SetLimit(cfg.PoolSize)
		return
	}
	if p.load.size == 0 {
		p.load.size = float64(max(cfg.PoolSize, 1))
	}
	p.fit()
}

// autosize lets the size follow the load by a second, and reports whether it has grown.
func (p *sharedPool) autosize() bool {
	waiting := p.shared.Waiting()
	p.load.mu.Lock()
	defer p.load.mu.Unlock()
	want := float64(max(p.load.recently.sizing(sizingWindow).Recommended, p.load.justNow.sizing(burstWindow).Recommended))
	switch gap := p.load.size - want; {
	case gap < 0, gap < 1 && waiting == 0:
		p.load.size = want
	case waiting == 0:
		p.load.size -= gap / 10
	}
	before := p.shared.Size.Limit()
	p.fit()
	return p.shared.Size.Limit() > before
}

// fit makes the size a whole number within its bounds. Under load.mu.
func (p *sharedPool) fit() {
	least, most := p.template.sizeBounds()
	p.load.size = min(max(p.load.size, float64(least)), float64(most))
	p.shared.Size.SetLimit(int(math.Ceil(p.load.size)))
}
