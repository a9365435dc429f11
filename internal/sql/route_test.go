package sql

import "testing"

func TestRoutesInComments(t *testing.T) {
	for _, c := range []struct {
		text string
		want Route
	}{
		{"select 1", RouteNone},
		{"/* route: primary */ select 1", RoutePrimary},
		{"/* route: replica */ select 1", RouteReplica},
		{"select 1 /*route:replica*/", RouteReplica},
		{"select 1 -- route: replica", RouteReplica},
		{"-- Route : PRIMARY\nselect 1", RoutePrimary},
		{"select 1 /*action='index',route='replica',x='y'*/", RouteReplica},
		{"select 1 /* route = replica */", RouteReplica},
		{"select /* a /* route: replica */ b */ 1", RouteReplica},
		{"/* route: primary */ select 1 /* route: replica */", RoutePrimary},
		{"select 1; /* route: replica */ select 2", RouteReplica},
		{"begin /* route: replica */", RouteReplica},
		{"PREPARE /* route: replica */ p AS select 1", RouteReplica},
		{"select set_config(/* route: replica */ 'a', 'b', true)", RouteReplica},
		{"/* route: replica */", RouteReplica},
		{"explain (costs /* route: replica */ off) select 1", RouteReplica},

		{"select '/* route: replica */'", RouteNone},
		{`select 1 as "/* route: replica */"`, RouteNone},
		{"select $$-- route: replica$$", RouteNone},
		{`select E'\'/* route: replica */'`, RouteNone},
		{"/* traceroute: replica */ select 1", RouteNone},
		{"/* my-route: replica */ select 1", RouteNone},
		{"/* route replica */ select 1", RouteNone},
		{"/* route: elsewhere */ select 1", RouteNone},
		{"/* route: replicas */ select 1", RouteNone},
		{"/* route: replica", RouteNone},
		{"/* route: */ select 1", RouteNone},
		{"/* route=' */ select 1", RouteNone},
	} {
		if got := RouteOf(CommentValue([]byte(c.text), "route")); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestCommentValue(t *testing.T) {
	for _, c := range []struct{ text, name, want string }{
		{"/* tenant: 17 */ select 1", "tenant", "17"},
		{"/*a='b',tenant='x%20y'*/ select 1", "tenant", "x%20y"},
		{"/* tenant:a-b.c/d, x */ select 1", "tenant", "a-b.c/d"},
		{"/* TENANT: Upper */", "tenant", "Upper"},
		{"/* tenant: a */ /* tenant: b */", "tenant", "a"},
		{"/* x */ select 1 -- tenant=b", "tenant", "b"},
		{"/* tenant='' */ select 1 /* tenant: b */", "tenant", ""},
		{"select 'it''s', 1e5, $1, x /* tenant: b */", "tenant", "b"},
		{"select '\\' /* tenant: b */", "tenant", ""},
		{"select 1", "tenant", ""},
		{"/* tenant: x */", "", ""},
	} {
		if got := CommentValue([]byte(c.text), c.name); string(got) != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}
