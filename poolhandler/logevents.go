package poolhandler

import (
	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// loggedEvents is what is to be written to the log of clients.
func loggedEvents(events []string) (out engine.Logged) {
	if events == nil {
		events = config.DefaultLogEvents
	}
	for _, event := range events {
		out |= logEvents[event]
	}
	return out
}

var logEvents = map[string]engine.Logged{
	"connections": engine.LogConnections, "disconnections": engine.LogDisconnections, "errors": engine.LogErrors, "pins": engine.LogPins,
	config.AllLogEvents: engine.LogConnections | engine.LogDisconnections | engine.LogErrors | engine.LogPins,
}
