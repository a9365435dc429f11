package config

import "testing"

func TestSomebodyCanLogIn(t *testing.T) {
	auth := func(a string) string { return `{"auth": ` + a + `}` }
	for _, method := range []string{"scram-sha-256", "md5", "plain"} {
		refused(t, map[string]string{auth(`{"method": "` + method + `"}`): "pools.app.auth: lets nobody log in; add `user <name> <secret>`, a users_file, a query_user"})
		accepted(t,
			auth(`{"method": "`+method+`", "user": {"a": "b"}}`),
			auth(`{"method": "`+method+`", "users_file": "/users"}`),
			auth(`{"method": "`+method+`", "query_user": {"name": "pooler"}}`),
		)
	}
	accepted(t,
		auth(`{"method": "trust"}`),
		auth(`{"method": "trust", "user": {"a": "md5c3bd4d9a4b9e2ad1ce4cd0d1f1f0f2c5"}, "query_user": {"name": "pooler"}}`),
	)
}

func TestKnownUsersAreKnown(t *testing.T) {
	auth := func(a string) string { return `{"auth": ` + a + `}` }
	refused(t, map[string]string{
		auth(`{"method": "trust", "known_users": "yes"}`):                  "pools.app.auth.known_users: is \"yes\", but must be one of off, on",
		auth(`{"method": "trust", "known_users": "on"}`):                   "is on, but nobody is known",
		auth(`{"method": "md5", "known_users": "on", "user": {"a": "b"}}`): "is on, but method md5 lets in nobody else anyway",
		auth(`{"known_users": "on", "user": {"a": "b"}}`):                  "is on, but method scram-sha-256 lets in nobody else anyway",
	})
	accepted(t,
		auth(`{"method": "trust", "known_users": "off"}`),
		auth(`{"method": "trust", "known_users": "on", "user": {"a": "b"}}`),
		auth(`{"method": "trust", "known_users": "on", "users_file": "/users"}`),
		auth(`{"method": "trust", "known_users": "on", "query_user": {"name": "a"}}`),
	)
}

func TestAuthQueryIsWhole(t *testing.T) {
	auth := func(a string) string { return `{"auth": {"user": {"a": "b"}, ` + a + `}}` }
	refused(t, map[string]string{
		auth(`"query": "SELECT $1"`):                                         "pools.app.auth.query: is written, but no query_user who asks; write `query_user <name> <secret>`",
		auth(`"query_database": "postgres"`):                                 "pools.app.auth.query_database: is written, but no query_user",
		auth(`"query_ttl": "1s"`):                                            "pools.app.auth.query_ttl: is written, but no query_user",
		auth(`"query_user": {"name": ""}`):                                   "pools.app.auth.query_user: has no name; write `query_user <name> <secret>`",
		auth(`"query_user": {"name": "p"}, "query_ttl": "-1s"`):              "0 means that every login asks",
		auth(`"query_user": {"name": "p"}, "query": "SELECT usename"`):       "pools.app.auth.query: has no $1",
		auth(`"query_user": {"name": "p"}, "query": "SELECT $10, $12, '$'"`): "has no $1",
	})
	accepted(t,
		auth(`"query_user": {"name": "p"}`),
		auth(`"query_user": {"name": "p"}, "query_database": "postgres", "query_ttl": 0`),
		auth(`"query_user": {"name": "p"}, "query": "SELECT $1"`),
		auth(`"query_user": {"name": "p"}, "query": "SELECT $10, $1::text"`),
	)
}

func TestMethodCertNeedsCertificatesThatAreVerified(t *testing.T) {
	cert := func(tls string) string { return `{"auth": {"method": "cert"}, "tls": ` + tls + `}` }
	const want = "pools.app.auth.method: is cert, but clients are not asked for certificates; write `tls verify-ca { client_ca <file> }`"
	refused(t, map[string]string{
		`{"auth": {"method": "cert"}}`: want,
		cert(`{}`):                     want,
		cert(`{"mode": "disable", "client_ca": "/ca"}`):                                                                        want,
		cert(`{"connection_policies": [{}]}`):                                                                                  want,
		cert(`{"connection_policies": [{"client_authentication": {"mode": "request"}}]}`):                                      want,
		cert(`{"connection_policies": [{"client_authentication": {"mode": "require", "ca": {"provider": "file"}}}]}`):          want,
		cert(`{"connection_policies": [{"client_authentication": {"mode": "require", "verifiers": [{"verifier": "leaf"}]}}]}`): want,
		cert(`{"connection_policies": [{"client_authentication": {"mode": "require_and_verify"}}]}`):                           want,
		cert(`{"connection_policies": [{"client_authentication": {"ca": {"provider": "file"}}}, {}]}`):                         want,
		cert(`{"client_ca": "/ca", "connection_policies": [{"client_authentication": {"mode": "request"}}]}`):                  want,
	})
	accepted(t,
		cert(`{"client_ca": "/ca"}`),
		cert(`{"mode": "allow", "client_ca": "/ca"}`),
		cert(`{"mode": "verify-full", "client_ca": "/ca"}`),
		cert(`{"client_ca": "/ca", "connection_policies": [{}]}`),
		cert(`{"connection_policies": [{"client_authentication": {"ca": {"provider": "file"}}}]}`),
		cert(`{"connection_policies": [{"client_authentication": {"mode": "verify_if_given", "ca": {"provider": "file"}}}]}`),
	)
}

func TestCertUserIsLookedAt(t *testing.T) {
	const says = "pools.app.auth.cert_user: is written, but certificates name nobody here; write `method cert`, or `tls verify-full`"
	const tls = `, "tls": {"mode": "verify-full", "client_ca": "/ca"}}`
	users := func(u string) string { return `{"auth": {"method": "cert", "cert_user": ` + u + `}` + tls }
	refused(t, map[string]string{
		`{"auth": {"method": "trust", "cert_user": {"cn": ["a"]}}}`:                                                   says,
		`{"auth": {"method": "trust", "cert_user": {"cn": ["a"]}}, "tls": {"mode": "verify-ca", "client_ca": "/ca"}}`: says,
		users(`{"": ["a"]}`):        "has no name",
		users(`{"cn": []}`):         "pools.app.auth.cert_user.cn: has no users",
		users(`{"cn": [""]}`):       "has an empty user",
		users(`{"cn": ["a", "a"]}`): "has a twice",
	})
	accepted(t,
		users(`{"Alice A., Example": ["a", "b"]}`),
		`{"auth": {"method": "trust", "cert_user": {"cn": ["a"]}}`+tls,
		`{"auth": {"method": "cert", "cert_user": {"cn": ["a"]}}, "tls": {"client_ca": "/ca"}}`,
	)
}
