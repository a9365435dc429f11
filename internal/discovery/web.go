package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxBody bounds what a web server may answer: a thousand upstreams, and room for what else Patroni tells of each.
const maxBody = 1 << 20

// Web is how web servers are asked.
type Web struct {
	Client *http.Client
	// Timeout is how long an answer may take.
	Timeout time.Duration
	// User and Password are shown, unless both are empty (RFC 7617).
	User, Password string
}

// page is what a web server has answered.
type page struct {
	body []byte
	etag string
	// unchanged: it is as it was with the etag that was shown.
	unchanged bool
}

// get fetches a page, unless it is the one with this etag still. Any status but 200, and 304 where there is an etag, is an error.
func (w *Web) get(ctx context.Context, url, etag string) (page, error) {
	ctx, stop := context.WithTimeout(ctx, w.Timeout)
	defer stop()
	req, err := w.request(ctx, url, etag)
	if err != nil {
		return page{}, err
	}
	resp, err := w.Client.Do(req)
	if err != nil {
		return page{}, err // says the method and the URL
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK:
	case resp.StatusCode == http.StatusNotModified && etag != "":
		return page{etag: etag, unchanged: true}, nil
	default:
		return page{}, fmt.Errorf("asking %s: it says %s", url, resp.Status)
	}
	body, err := readAll(resp.Body)
	if err != nil {
		return page{}, fmt.Errorf("reading what %s says: %w", url, err)
	}
	return page{body: body, etag: resp.Header.Get("ETag")}, nil
}

func (w *Web) request(ctx context.Context, url, etag string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	req.Header.Set("Accept", "application/json")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	if w.User != "" || w.Password != "" {
		req.SetBasicAuth(w.User, w.Password)
	}
	return req, nil
}

var errBody = errors.New("it is longer than 1 MiB")

func readAll(body io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err == nil && len(text) > maxBody {
		err = errBody
	}
	return text, err
}
