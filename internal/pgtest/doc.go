// Package pgtest gives tests a real Postgres: a throw-away server on a loopback port it picks, with the roles,
// databases, authentication methods and settings a test asks for, and streaming replicas where they are wanted.
//
//	server := pgtest.Start(t, pgtest.Options{
//		Auth:      "scram-sha-256",
//		Roles:     []pgtest.Role{{Name: "alice", Password: "wonderland"}},
//		Databases: []string{"app"},
//	})
//	conn, err := pgx.Connect(ctx, server.DSN("alice", "wonderland", "app"))
//
// A server costs a copy of a template made by initdb once per machine and a start, 0.3 s together; durability is
// off. It dies with the test, and also with the test process, however that ends. The superuser postgres is let in
// without a password over the Unix socket, whatever the authentication of TCP connections.
//
// Servers with Options.Replication have streaming replicas ([Server.Replica]) and can change places with them ([Server.Promote],
// [Server.Follow], [Server.Rewind]), be late ([Server.Delay]), hang ([Server.Pause]) and die ([Server.Kill]). [StartPatroni] starts a
// cluster in which Patroni does that.
//
// The server program refuses to run as root; where the tests do, it runs as postgres, or else as nobody.
package pgtest
