package console

import (
	"cmp"
	"slices"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

var poolColumns = columns{"ssiiiiiiiiiiiiiss", []string{
	"database", "user", "cl_active", "cl_waiting", "cl_active_cancel_req", "cl_waiting_cancel_req", "sv_active", "sv_active_cancel",
	"sv_being_canceled", "sv_idle", "sv_used", "sv_tested", "sv_login", "maxwait", "maxwait_us", "pool_mode", "load_balance_hosts",
}}

// showPools has a row for each database and user that has clients or servers, and one for the console itself, as PgBouncer has.
//
// cl_active has the clients that rest, too, as there. sv_active has servers that are to close when they are given back, and those that listen
// for clients. What waits to be cancelled, and servers that rest so long that they will be checked, are not told apart.
func (s *session) showPools(t *table) error {
	v, err := s.look()
	if err != nil {
		return err
	}
	pools := poolsByName(v.pools)
	for _, p := range sortedPools(v.Pools) {
		seconds, micros := wait(p.MaxWait)
		t.add(v.name(place{p.Pool, p.Database}), p.User,
			p.ClientsActive+p.ClientsIdle, p.ClientsWaiting, 0, 0,
			p.ServersActive+p.ServersDraining+p.Listeners, 0, p.ServersBeingCanceled, p.ServersIdle, 0,
			p.ServersChecking+p.ServersResetting, p.ServersConnecting, seconds, micros, pools.mode(p.Pool), pools.policy(p.Pool))
	}
	t.add(Database, Database, s.world.Sessions(), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "statement", nil)
	return nil
}

// sortedPools is by database, pool and user.
func sortedPools(all []engine.PoolStats) []*engine.PoolStats {
	out := make([]*engine.PoolStats, len(all))
	for i := range all {
		out[i] = &all[i]
	}
	slices.SortFunc(out, func(a, b *engine.PoolStats) int {
		return cmp.Or(place{a.Pool, a.Database}.compare(place{b.Pool, b.Database}), cmp.Compare(a.User, b.User))
	})
	return out
}

// wait is a time in the two columns that PgBouncer has for one: seconds, and the microseconds beyond them.
func wait(d time.Duration) (seconds, micros int64) {
	return int64(d / time.Second), int64(d % time.Second / time.Microsecond)
}

// byName finds pools.
type byName map[string]*Pool

func poolsByName(all []Pool) byName {
	out := make(byName, len(all))
	for i := range all {
		out[all[i].Name] = &all[i]
	}
	return out
}

// mode and policy are NULL of a pool that is not configured any more; policy also where nothing is picked.
func (b byName) mode(pool string) any {
	if p := b[pool]; p != nil {
		return p.Mode.String()
	}
	return nil
}

func (b byName) policy(pool string) any {
	if p := b[pool]; p != nil {
		return orNull(p.Policy)
	}
	return nil
}

// orNull is NULL for what is empty.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
