# Building Caddy with this module: `build` from cmd/caddy in seconds, `xcaddy` as users do it.

CADDY_VERSION  := v2.11.9
LAYER4_VERSION := v0.1.2
BIN            := bin

.PHONY: build xcaddy

build:
	@mkdir -p $(BIN)
	go build -trimpath -ldflags '-s -w -X github.com/caddyserver/caddy/v2.CustomVersion=$(CADDY_VERSION)-pgmux' -o $(BIN)/caddy ./cmd/caddy

# No build flags: what works here works for whoever runs the two lines of the README. xcaddy itself comes from
# tools/go.mod, as do its exact dependencies; the version v0.0.0 keeps it from looking our own path up.
xcaddy: $(BIN)/xcaddy
	$(BIN)/xcaddy build $(CADDY_VERSION) --output $(BIN)/caddy-xcaddy \
		--with github.com/mholt/caddy-l4@$(LAYER4_VERSION) \
		--with github.com/pgmux/caddy-pgmux@v0.0.0=.

$(BIN)/xcaddy: tools/go.mod tools/go.sum
	@mkdir -p $(BIN)
	cd tools && go build -o ../$(BIN)/xcaddy github.com/caddyserver/xcaddy/cmd/xcaddy
