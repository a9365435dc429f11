package discovery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ParseList reads a list of upstreams in JSON:
//
//	[{"address": "10.0.0.1:5432", "role": "auto", "weight": 1, "max_server_connections": 0}]
//
// A field that is not known is an error: it may be one that is written wrongly, and means something. An empty list is good.
func ParseList(text []byte) ([]Upstream, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var list []Upstream
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("reading a list of upstreams: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading a list of upstreams: there is something behind it")
	}
	if list == nil {
		return nil, errors.New("reading a list of upstreams: it is null; write [] for none")
	}
	for i, u := range list {
		if u.Address == "" {
			return nil, fmt.Errorf("reading a list of upstreams: entry %d has no address", i)
		}
	}
	return list, nil
}
