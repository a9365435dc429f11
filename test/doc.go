// Package e2e holds the end-to-end suites: the real bin/caddy, over each I/O driver, in front of a real Postgres, with
// psql, pgbench, pgx, programs in other languages (drivers/) and a raw protocol client as the applications. `make e2e`
// builds the program and runs them:
//
//	go test -tags e2e ./test
//
// A conversation that must look the same to a client with and without the pooler is held twice and its transcripts
// compared ([both]). Tests named TestTrapNN carry the number of a known way for poolers to go wrong.
//
//	E2E_DRIVERS=epoll          only these drivers (comma-separated; default: io_uring,epoll)
//	E2E_VERSIONS=18            only these Postgres versions in the suites that run on several
//	E2E_CADDY=/path/to/caddy   another binary than ../bin/caddy
//	E2E_AWAITED=1              also what the pooler has yet to learn, and is skipped otherwise
//	CHECK_CACHE=10m            how long clients write and read registers through the query cache (default: 1m)
//	CHECK_CACHE_SEED=4711      what they do in it; a run logs its own
//	E2E_SCREENSHOTS=/a/dir     takes pictures of the page (make screenshots), after E2E_SCREENSHOTS_AFTER=5m of work
//	E2E_TARGET=direct          the suites against Postgres itself: what does not pass here is no promise to keep
package e2e
