# What the pooler costs, beside PgBouncer and a bare relay: docs/performance.md. Needs two CPUs and a quiet machine.

.PHONY: bench bench-quick bench-idle bench-logins bench-settings bench-cache bench-pair bench-direct bench-deps

# What settings cost is asked of many rows, each for a little while.
BENCH_SETTINGS := settings -warm-up 500ms -window 1200ms -syscalls 0
# The grammar takes a second or more to start; before that nothing is cached.
BENCH_CACHE    := cache -warm-up 5s -window 1500ms -syscalls 0

# The whole table, about ten minutes, the memory of idle clients, logins, settings, and the query cache.
bench: build bench-deps ## the whole table of costs beside PgBouncer, about ten minutes, settings, and the query cache
	cd bench && go build -o ../$(BIN)/bench . && ../$(BIN)/bench compare $(BENCH_FLAGS) && ../$(BIN)/bench idle && \
		../$(BIN)/bench logins -tls && ../$(BIN)/bench $(BENCH_SETTINGS) && ../$(BIN)/bench $(BENCH_CACHE)

# Whether everything runs, in half a minute. Its figures mean nothing.
bench-quick: build bench-deps ## the same in half a minute: whether it runs
	cd bench && go build -o ../$(BIN)/bench . && \
		../$(BIN)/bench compare -runs 1 -warm-up 200ms -window 500ms -syscalls 0 \
			-rows 64:simple,64:prepared,64:extended,64:pipelined $(BENCH_FLAGS) && \
		../$(BIN)/bench idle -clients 500 -settle 500ms && \
		../$(BIN)/bench logins -tls -runs 1 -warm-up 200ms -window 500ms -syscalls 0 && \
		../$(BIN)/bench settings -runs 1 -warm-up 200ms -window 500ms -syscalls 0 \
			-rows 64/20:none,64/20:two,64/20:five,64/20:two:20,64/20:set:20,64/20:local,2/1:two:2 && \
		../$(BIN)/bench cache -runs 1 -warm-up 5s -window 500ms -syscalls 0

# Memory of idle clients alone.
bench-idle: build bench-deps ## memory of idle clients
	cd bench && go build -o ../$(BIN)/bench . && ../$(BIN)/bench idle

# Logins alone.
bench-logins: build bench-deps ## logins per second beside PgBouncer, in clear and over TLS
	cd bench && go build -o ../$(BIN)/bench . && ../$(BIN)/bench logins -tls $(BENCH_FLAGS)

# What clients' settings cost alone.
bench-settings: build bench-deps ## what clients' settings cost, about three and a half minutes
	cd bench && go build -o ../$(BIN)/bench . && ../$(BIN)/bench $(BENCH_SETTINGS) $(BENCH_FLAGS)

# Cached replies alone.
bench-cache: build bench-deps ## what a cached reply costs, and a cache that is of no use, about four minutes
	cd bench && go build -o ../$(BIN)/bench . && ../$(BIN)/bench $(BENCH_CACHE) $(BENCH_FLAGS)

# Two poolers in turns: a cache that is of no use, unless told otherwise.
bench-pair: build bench-deps ## two poolers in turns, for differences of some per cent, about two minutes
	cd bench && go build -o ../$(BIN)/bench . && ../$(BIN)/bench pair $(BENCH_FLAGS)

# What the load generator and the fake server cost themselves.
bench-direct: ## what load generator and fake server cost themselves
	cd bench && go build -o ../$(BIN)/bench . && ../$(BIN)/bench direct $(BENCH_FLAGS)

# The rival, from Debian's packages; Debian starts it as a service, which nobody asked for.
bench-deps:
	@command -v pgbouncer >/dev/null || test -x /usr/sbin/pgbouncer || { \
		test "$$(id -u)" = 0 || { echo "bench: PgBouncer is missing: sudo apt-get install pgbouncer" >&2; exit 1; }; \
		{ apt-get install -qq -y pgbouncer || { apt-get update -qq && apt-get install -qq -y pgbouncer; }; } && \
		{ service pgbouncer stop >/dev/null 2>&1 || true; }; }
