package discovery

import (
	"context"
	"time"
)

// Upstream is one that a source has found. Zero fields are not known.
type Upstream struct {
	// Address is host:port, or unix//directory:port.
	Address string `json:"address"`
	// Role is primary, replica or auto.
	Role string `json:"role"`
	// Weight and MaxServerConnections are as in the configuration.
	Weight               *int `json:"weight"`
	MaxServerConnections *int `json:"max_server_connections"`
}

// Source is somebody who knows upstreams.
type Source interface {
	// Ask returns all that there are now. It gives up within a time of its own.
	Ask(ctx context.Context) (Answer, error)
}

// Answer is what a source has said.
type Answer struct {
	Upstreams []Upstream
	// Unchanged: they are as in the last answer, and not in this one.
	Unchanged bool
	// Again is when it should be asked again.
	Again time.Duration
}
