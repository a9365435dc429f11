package poolhandler

import (
	"context"
	"net"
	"slices"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/internal/login"
	"github.com/pgmux/caddy-pgmux/internal/prober"
)

// dial logs in to an upstream for its probes, as the first identity that is let in. The one that was last is tried first.
func (p *probe) dial(ctx context.Context, address string) (net.Conn, error) {
	pool := p.process.pool(p.name)
	if pool == nil {
		return nil, removedPool(p.name)
	}
	conn, err := p.dialAsAny(ctx, pool, address)
	p.tell(address, err)
	return conn, err
}

func (p *probe) dialAsAny(ctx context.Context, pool *pool, address string) (net.Conn, error) {
	refusals := []error{}
	strangers := map[string]bool{} // users who are not let in, whatever the database
	for _, who := range p.inOrder(pool) {
		if strangers[who.user] {
			continue
		}
		conn, err := login.Open(ctx, login.Target{
			Address: address, Database: who.database, User: who.user, Secret: who.secret,
			Startup: pool.health.settings(), TLS: pool.server.tls,
		})
		switch {
		case err == nil:
			p.letIn(who)
			return conn, nil
		case !login.RefusesUs(err), login.IsFull(err):
			return nil, err
		}
		strangers[who.user] = !login.RefusesDatabase(err)
		refusals = append(refusals, err)
	}
	if len(refusals) == 0 {
		return nil, prober.ErrNobody
	}
	return nil, refusals[0]
}

// inOrder is the identities, the one that was let in last first.
func (p *probe) inOrder(pool *pool) []identity {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := pool.identities(p.learned)
	for i, who := range all {
		if who.user == p.last.user && who.database == p.last.database {
			return slices.Concat(all[i:i+1], all[:i], all[i+1:])
		}
	}
	return all
}

func (p *probe) letIn(who identity) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = who
}

// tell logs that nobody is let in who could ask, once until that changes. That an upstream is down is said where it matters.
func (p *probe) tell(address string, err error) {
	if err != nil && !login.RefusesUs(err) {
		return // also where nobody is known yet who could ask
	}
	says := ""
	if err != nil {
		says = err.Error()
	}
	p.mu.Lock()
	before := p.told[address]
	p.told[address] = says
	p.mu.Unlock()
	if says != "" && says != before && !login.IsFull(err) {
		p.process.logger().Warn("an upstream cannot be asked what it is, and counts as up; name a user who may log in: health_user",
			zap.String("pool", p.name), zap.String("upstream", address), zap.Error(err))
	}
}
