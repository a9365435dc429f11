# Everything that is checked. Steps run in the order in which they fail soonest; Go skips what is up to date.

.PHONY: test test-deps lint vet staticcheck unit race checkptr e2e test-xcaddy test-giouring regress pgx check-cache screenshots

STATICCHECK := bin/staticcheck
# The packages where goroutines, or memory that the kernel writes, meet. -short leaves out variants of drivers that differ
# in what the kernel is asked for, not in how threads meet.
RACE := ./internal/engine/... ./internal/loop/... ./internal/epoll/... ./internal/login/... ./internal/prober/... ./internal/enginetest/... \
	./internal/pool/... ./querycache/... ./internal/fleet/... ./uring/... ./poolhandler/...
step = printf '\n== %s\n' "$(1)"

# What the tests need comes over the network, while vet compiles. staticcheck wants minutes of the processors, and has those
# that tests leave idle, which wait a lot: what it finds is told at the end.
test: ## everything: lint, unit, race, both rings, real Postgres over both drivers, xcaddy
	@mkdir -p bin; $(MAKE) --no-print-directory test-deps >bin/test-deps.log 2>&1 & deps=$$!; vet=0; had=0; \
	$(MAKE) --no-print-directory vet || vet=$$?; wait $$deps || had=$$?; cat bin/test-deps.log; test $$vet = 0 -a $$had = 0
	@nice -n 19 $(MAKE) --no-print-directory staticcheck >bin/staticcheck.log 2>&1 & lint=$$!; tests=0; found=0; \
	$(MAKE) --no-print-directory -o test-deps unit race test-giouring build e2e test-xcaddy || tests=$$?; \
	wait $$lint || found=$$?; cat bin/staticcheck.log; test $$tests = 0 -a $$found = 0
	@printf '\nAll is well.\n'

test-deps: bin/pgmux-dev ## what the tests need: Postgres, a newer one, drivers of other languages, a browser, Patroni, where missing and possible
	@$(call step,what the tests need)
	@bin/pgmux-dev install
	@bin/pgmux-dev postgres18
	@bin/pgmux-dev drivers
	@bin/pgmux-dev pipeline
	@bin/pgmux-dev patroni

lint: vet staticcheck ## gofmt, go vet, staticcheck

vet:
	@$(call step,lint: gofmt and vet)
	@unformatted=$$(git ls-files -co --exclude-standard '*.go' | xargs -r ls -d 2>/dev/null | xargs -r gofmt -l); \
		test -z "$$unformatted" || { echo "run gofmt -w on: $$unformatted" >&2; exit 1; }
	go vet ./...
	go vet -tags e2e,xcaddy ./test ./xcaddy-test
	cd bench && go vet ./...

staticcheck: $(STATICCHECK)
	@$(call step,lint: staticcheck)
	$(STATICCHECK) ./...
	$(STATICCHECK) -tags e2e,xcaddy ./test ./xcaddy-test

comma := ,

# Pinned, in a module of its own.
$(STATICCHECK): tools/staticcheck/go.mod tools/staticcheck/go.sum
	@mkdir -p bin
	cd tools/staticcheck && go build -o ../../$@ honnef.co/go/tools/cmd/staticcheck

unit: ## unit tests, transcripts, golden Caddyfiles, simulated worlds with fixed seeds
	@$(call step,unit: transcripts$(comma) golden files$(comma) simulated worlds)
	go test ./...
	cd bench && go test ./...

race: ## the race detector where goroutines meet, which also checks pointers
	@$(call step,race detector)
	go test -race -short -timeout 15m $(RACE)

# The race detector checks them, too, in `make race`; this is without it.
checkptr: ## the drivers' conformance suites with unsafe pointers checked
	@$(call step,conformance with -d=checkptr)
	go test -short -gcflags=all=-d=checkptr ./uring/... ./internal/epoll/...

# Most of the time these tests wait, so three run at a time, of parts that each have every eighth test; the playgrounds, which
# share their ports, are in one. With ARGS it is one run.
e2e: build test-deps ## bin/caddy, over io_uring and epoll, with real Postgres, psql, pgbench and drivers of four languages (ARGS="-run Trap -v")
	@$(call step,end to end: $$(ls bin/caddy) over both drivers)
ifdef ARGS
	go test -tags e2e -timeout 60m ./test $(ARGS)
else
	go test -tags e2e -c -o bin/e2e.test ./test
	@cd test; part() { ../bin/e2e.test -test.list . | grep ^Test | awk "(/Playground/ ? 0 : NR % 8) == $$1" | paste -sd '|'; }; \
	run() { ../bin/e2e.test -test.timeout 60m -test.run "^($$(part $$1))$$" >../bin/e2e.$$1.log 2>&1; }; \
	export -f part run; failed=0; seq 0 7 | xargs -P 3 -I{} bash -c 'run {}' || failed=$$?; cat ../bin/e2e.?.log; exit $$failed
endif

test-xcaddy: xcaddy ## the program as users build it, driven from outside
	@$(call step,what xcaddy builds)
	go test -tags xcaddy -timeout 20m ./xcaddy-test

test-giouring: ## the ring's conformance on giouring, which needs a link flag
	@$(call step,conformance on giouring)
	go test -short -tags giouring -ldflags=-checklinkname=0 ./uring/...

regress: build bin/pgmux-dev ## PostgreSQL's own regression suite, directly and through bin/caddy, and what differs (ARGS="-target session -files guc")
	@$(call step,the regression suite of Postgres: directly$(comma) session mode$(comma) transaction mode)
	@bin/pgmux-dev install
	@bin/pgmux-dev regress $(ARGS)

# `make test` does the same for a minute. What fails names its seed: CHECK_CACHE_SEED has clients do the same again.
check-cache: export CHECK_CACHE ?= 10m
check-cache: build bin/pgmux-dev ## whether cached reads are ever too old: clients write and read in all ways, ten minutes (CHECK_CACHE=1h, ARGS="-run Forgets")
	@$(call step,the query cache over a primary and late replicas$(comma) for $$CHECK_CACHE)
	@bin/pgmux-dev install
	go test -tags e2e -count=1 -timeout 0 ./test -v $(or $(ARGS),-run '$(CACHE_CHECKS)')

CACHE_CHECKS := ^(TestCachedReads|TestWritesPastThePooler|TestTheCheckFinds|TestReadsWithoutACache)

# Not part of `make test`: three minutes for each target.
pgx: build bin/pgmux-dev ## the test suite of the driver pgx, directly and in session and transaction mode, ten minutes (ARGS="-version 18 -targets direct,transaction")
	@bin/pgmux-dev install
	bin/pgmux-dev pgx $(ARGS)

# What docs/operations.md shows. The page is looked at for five minutes first, as long as its sparklines go back.
screenshots: build bin/pgmux-dev ## the pictures of the page in the documentation, six minutes
	@bin/pgmux-dev drivers
	@mkdir -p docs/images
	E2E_SCREENSHOTS=$(CURDIR)/docs/images go test -tags e2e -count=1 -timeout 12m ./test -run '^TestScreenshots$$'
