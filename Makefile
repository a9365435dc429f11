# What a person does with this repository. On a fresh machine with Go and apt:
#
#	make run     a throw-away Postgres with Caddy in front of it, to try out
#	make test    everything that is checked
#
# `make help` lists the rest.

.DEFAULT_GOAL := help
SHELL         := /bin/bash
.SHELLFLAGS   := -eu -o pipefail -c
# Everything is built as the program is, so that what it stands on is compiled once.
export GOFLAGS := $(GOFLAGS) -buildvcs=false -trimpath

include $(wildcard mk/*.mk)

.PHONY: help run demo-load clean

help: ## list what can be made
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  \1\t\2/' | expand -t 24

run: build bin/pgmux-dev ## try it: Postgres (primary and replica) and Caddy, until Ctrl-C
	@bin/pgmux-dev install
	@exec bin/pgmux-dev run

demo-load: bin/pgmux-dev ## hundreds of clients on the playground of `make run`, live (ARGS="-clients 500 -duration 30s")
	@exec bin/pgmux-dev load $(ARGS)

# Go decides whether there is something to build.
.PHONY: bin/pgmux-dev
bin/pgmux-dev:
	@mkdir -p bin
	@go build -o bin/pgmux-dev ./cmd/pgmux-dev

clean: ## remove what was built and cached
	rm -rf bin .cache
