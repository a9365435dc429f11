package poolhandler

import (
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// Rows have all that the engine tells, IDs as text; the next page is told as long as there may be one.
func TestAdminListsClientsAndServers(t *testing.T) {
	p := busyProcess(t)
	f := p.running.Load().pooler.(*fakePooler)
	f.clients = []engine.ClientRow{
		{ID: 1 << 59, Pool: "app", Database: "db", User: "owner", Login: "alice", Application: "psql", Address: "10.0.0.1:4711", State: "active",
			Since: 1500 * time.Millisecond, Age: time.Minute, Server: 7, ServerPID: 4242, Upstream: "pg:5432", PID: 99, Prepared: 3, TLS: true,
			Pinned: []string{"listen"}, Listening: 2, Queries: 5, Why: "because"},
		{ID: 1<<59 + 1, State: "idle"},
	}
	f.servers = []engine.ServerRow{{ID: 7, Pool: "app", Database: "db", User: "owner", Address: "pg:5432", State: "active", PID: 4242, Client: 1 << 59,
		ClientPID: 99, Since: time.Second, Age: time.Hour, Application: "psql", Pinned: []string{"listen"}, Prepared: 4, TLS: true, Queries: 6, Transactions: 5}}

	status, body, w := request(t, p, "GET", "/postgres/clients?pool=app&limit=1")
	want := `[{"id":"576460752303423488","pool":"app","database":"db","user":"owner","login":"alice","application_name":"psql","address":"10.0.0.1:4711",` +
		`"state":"active","since_seconds":1.5,"age_seconds":60,"server":"7","server_pid":4242,"upstream":"pg:5432","pid":99,"prepared":3,"tls":true,` +
		`"pinned":["listen"],"listening":2,"queries":5,"why":"because"}]`
	if status != 200 || body != want {
		t.Errorf("%d %s\nnot %s", status, body, want)
	}
	if link := w.Header().Get("Link"); link != `</postgres/clients?after=576460752303423488&limit=1&pool=app>; rel="next"` {
		t.Errorf("the next page is %s", link)
	}
	for _, path := range []string{"/postgres/clients?limit=2", "/postgres/clients?limit=3", "/postgres/servers?limit=1", "/postgres/servers"} {
		if _, _, w = request(t, p, "GET", path); w.Header().Get("Link") != "" {
			t.Errorf("%s: behind the last page is %s", path, w.Header().Get("Link"))
		}
	}
	status, body, _ = request(t, p, "GET", "/postgres/servers")
	want = `[{"id":"7","pool":"app","database":"db","user":"owner","upstream":"pg:5432","state":"active","pid":4242,"since_seconds":1,"age_seconds":3600,` +
		`"client":"576460752303423488","application_name":"psql","pinned":["listen"],"prepared":4,"tls":true,"queries":6,"transactions":5}]`
	if status != 200 || body != want {
		t.Errorf("%d %s\nnot %s", status, body, want)
	}
}

// Every parameter reaches the engine.
func TestAdminFiltersRows(t *testing.T) {
	p := busyProcess(t)
	f := p.running.Load().pooler.(*fakePooler)
	request(t, p, "GET", "/postgres/clients?pool=app&database=b&user=c&application_name=d&address=e&state=waiting&upstream=g&after=17&limit=9")
	want := engine.Filter{Pool: "app", Database: "b", User: "c", Application: "d", Address: "e", State: "waiting", Upstream: "g", After: 17, Limit: 10}
	if len(f.asked) != 1 || f.asked[0] != want {
		t.Errorf("the engine was asked %+v", f.asked)
	}
	request(t, p, "GET", "/postgres/servers")
	if f.asked[1] != (engine.Filter{Limit: 101}) {
		t.Errorf("the engine was asked %+v", f.asked[1])
	}
}

// Every parameter and state that is told of can be asked for.
func TestAdminKnowsItsStates(t *testing.T) {
	p := busyProcess(t)
	for path, states := range map[string][]string{"/postgres/clients": adminapi.ClientStateNames, "/postgres/servers": adminapi.ServerStateNames} {
		for _, state := range append(states, "") {
			if status, says, _ := request(t, p, "GET", path+"?state="+state); status != 200 {
				t.Errorf("%s in state %s: %d %s", path, state, status, says)
			}
		}
	}
}

// What cannot be asked for is said to be so, at the limits and past them.
func TestAdminRefusesRows(t *testing.T) {
	p := busyProcess(t)
	for _, test := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/postgres/clients?limit=10001", 400, `limit is "10001", but must be 1 to 10000: how many are in one answer`},
		{"GET", "/postgres/clients?limit=0", 400, `limit is "0", but must be 1 to 10000: how many are in one answer`},
		{"GET", "/postgres/clients?after=-1", 400, `after is "-1", but must be an id: those behind it are in the answer`},
		{"GET", "/postgres/clients?stat=idle", 400, `there is no parameter "stat"; did you mean state?`},
		{"GET", "/postgres/servers?address=x", 400, `there is no parameter "address"; there are pool, database, user, application_name, state, upstream, after, limit`},
		{"GET", "/postgres/clients?pool=ap", 404, `there is no pool "ap"; did you mean app?`},
		{"GET", "/postgres/servers?pool=another", 404, `there is no pool "another"; GET /postgres/pools lists them`},
		{"GET", "/postgres/clients?state=wating", 400, `there is no state "wating"; did you mean waiting?`},
		{"GET", "/postgres/servers?state=waiting", 400, `there is no state "waiting"; there are idle, active, checking, resetting, being_canceled, draining, listening`},
		{"POST", "/postgres/clients", 405, "/postgres/clients can only be read: use GET, not POST"},
		{"GET", "/postgres/clients/7", 405, "a client can be closed: use DELETE, not GET"},
		{"DELETE", "/postgres/clients/x", 400, `"x" is no id of a client; GET /postgres/clients tells them`},
		{"DELETE", "/postgres/clients/007", 400, `"007" is no id of a client; GET /postgres/clients tells them`},
		{"DELETE", "/postgres/clients/8", 404, "there is no client 8 any more"},
	} {
		if status, says, _ := request(t, p, test.method, test.path); status != test.status || says != test.says {
			t.Errorf("%s %s: %d %s\nnot %d %s", test.method, test.path, status, says, test.status, test.says)
		}
	}
	for _, path := range []string{"/postgres/clients?limit=10000", "/postgres/servers?limit=1&after=18446744073709551615"} {
		if status, says, _ := request(t, p, "GET", path); status != 200 {
			t.Errorf("%s: %d %s", path, status, says)
		}
	}
	if status, says, _ := request(t, p, "DELETE", "/postgres/clients/7"); status != 200 || says != `{"closed":true}` {
		t.Errorf("%d %s", status, says)
	}
}
