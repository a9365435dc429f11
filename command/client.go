package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

const (
	// answerTimeout is how long the endpoint may take for what it answers at once.
	answerTimeout = 10 * time.Second
	// maxAnswer bounds an answer: 10,000 clients take some 5 MB.
	maxAnswer = 64 << 20
)

// admin is the admin endpoint of a Caddy. caddycmd.AdminAPIRequest reaches the same, but cannot be interrupted, dials for each request, and makes
// text of what an answer's status says.
type admin struct {
	address string // as it was written
	base    string // of the URLs
	// origin is what each request says of whence it comes; empty: nothing. Caddy looks at it as soon as it is there, and lets none pass at a
	// socket that browsers cannot reach.
	origin string
	client http.Client
}

// newAdmin prepares for an address as Caddy writes them: `localhost:2019`, `unix//run/caddy.sock`.
func newAdmin(address string) (*admin, error) {
	parsed, err := caddy.ParseNetworkAddress(address)
	if err != nil {
		return nil, fmt.Errorf("reading the admin address %q: %w", address, err)
	}
	if parsed.PortRangeSize() > 1 {
		return nil, fmt.Errorf("the admin address %q has a range of ports; write one", address)
	}
	a := &admin{address: address, base: "http://" + parsed.JoinHostPort(0)}
	a.origin = a.base
	if parsed.IsUnixNetwork() || parsed.IsFdNetwork() {
		parsed.Host, _, _ = strings.Cut(parsed.Host, "|") // permissions of the socket may follow
		a.base, a.origin = "http://127.0.0.1", ""
	}
	a.client.Transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, parsed.Network, parsed.JoinHostPort(0))
		},
	}
	return a, nil
}

// get reads an answer, which comes at once.
func (a *admin) get(ctx context.Context, path string, query url.Values, into any) error {
	_, err := a.soon(ctx, http.MethodGet, path, query, into)
	return err
}

// soon is do, for what is answered at once.
func (a *admin) soon(ctx context.Context, method, path string, query url.Values, into any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return a.do(ctx, method, path, query, into)
}

// do asks for something and decodes the answer. An answer with another status than 2xx is a *refusal.
func (a *admin) do(ctx context.Context, method, path string, query url.Values, into any) (http.Header, error) {
	address := a.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", path, err)
	}
	if a.origin != "" {
		request.Header.Set("Origin", a.origin)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, a.explain(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the answer to %s: %w", path, err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the answer to %s is longer than %s; ask for less", path, size(maxAnswer))
	case response.StatusCode/100 != 2:
		return nil, newRefusal(a.address, path, response.StatusCode, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return nil, fmt.Errorf("decoding the answer to %s: %w", path, err)
	}
	return response.Header, nil
}

// explain says what to do when nobody answers.
func (a *admin) explain(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	var dial *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the admin endpoint %s does not answer in time: %w", a.address, err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("no Caddy answers at %s (%w); is it running? --address names another admin endpoint, "+
			"--config reads its address from a configuration, and with 'admin off' there is none", a.address, err)
	}
	return fmt.Errorf("asking the admin endpoint %s: %w", a.address, err)
}
