package poolhandler

import (
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// A pool that was removed can be looked at as long as something is left of it, and takes no orders.
func TestAPoolThatWasRemovedIsThereWhileItDrains(t *testing.T) {
	p := busyProcess(t)
	f := p.running.Load().pooler.(*fakePooler)
	f.snapshot.Pools = append(f.snapshot.Pools, engine.PoolStats{Pool: "old", Database: "db", User: "alice", ClientsActive: 1})
	for _, test := range []struct {
		path, says string
	}{
		{"/postgres/pools/old", `"name":"old"`},
		{"/postgres/upstreams?pool=old", "[]"},
		{"/postgres/clients?pool=old", "[]"},
		{"/postgres/servers?pool=old", "[]"},
		{"/postgres/queries?pool=old", "[]"},
		{"/postgres/cache?pool=old", "[]"},
	} {
		if status, says, _ := request(t, p, "GET", test.path); status != 200 || !strings.Contains(says, test.says) {
			t.Errorf("%s: %d %s", test.path, status, says)
		}
	}
	status, says, _ := request(t, p, "POST", "/postgres/pools/old/kill")
	const want = `pool "old" has been removed from the configuration, and takes no orders: its clients may finish what they do for drain_timeout; ` +
		`DELETE /postgres/clients/<id> ends one of them at once`
	if status != 409 || says != want || len(f.orders) > 0 {
		t.Errorf("%d %s, and orders %v", status, says, f.orders)
	}
	f.snapshot.Pools = f.snapshot.Pools[:2]
	for _, path := range []string{"/postgres/pools/old", "/postgres/upstreams?pool=old", "/postgres/clients?pool=old"} {
		if status, says, _ := request(t, p, "GET", path); status != 404 {
			t.Errorf("when it has gone, %s: %d %s", path, status, says)
		}
	}
}

// A slip of the pen is told, and not answered as if it were not there.
func TestAdminRefusesParametersThatNobodyLooksAt(t *testing.T) {
	p := busyProcess(t)
	for path, want := range map[string]string{
		"/postgres/pools?pool=app":        `there is no parameter "pool", nor any other`,
		"/postgres/pools/app?database=db": `there is no parameter "database", nor any other`,
		"/postgres/upstreams?poll=app":    `there is no parameter "poll"; did you mean pool?`,
		"/postgres/upstreams?limit=1":     `there is no parameter "limit"; there are pool`,
	} {
		if status, says, _ := request(t, p, "GET", path); status != 400 || says != want {
			t.Errorf("%s: %d %s", path, status, says)
		}
	}
}
