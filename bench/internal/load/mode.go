package load

import (
	"fmt"

	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

// Depth is how many queries a pipelining client has in flight.
const Depth = 8

// Mode is what the clients say.
type Mode struct {
	Name string
	// setup is said once, before the load begins; nil for nothing.
	setup []byte
	// batch is what is written at once.
	batch []byte
	// queries is the number of queries, and of ReadyForQuery messages, in a batch.
	queries int
}

// Modes are the modes by name.
var Modes = []Mode{simple(), prepared(), extended(), pipelined(), pipelinedPrepared()}

// ModeNamed finds a mode.
func ModeNamed(name string) (Mode, error) {
	for _, m := range Modes {
		if m.Name == name {
			return m, nil
		}
	}
	return Mode{}, fmt.Errorf("unknown mode %q", name)
}

const (
	sql  = "SELECT 1"
	name = "s1"
)

// simple is one Query message.
func simple() Mode { return Mode{Name: "simple", batch: wire.AppendQuery(nil, sql), queries: 1} }

// prepared is Bind, Execute, Sync of a statement that was parsed once; every client gives it the same name, as
// drivers that count their statements do.
func prepared() Mode {
	return Mode{Name: "prepared", setup: parseOnce(), batch: appendExecution(nil), queries: 1}
}

// extended is Parse, Bind, Describe, Execute, Sync of the unnamed statement, as drivers do that keep no statements.
func extended() Mode {
	b := wire.AppendParse(nil, "", sql)
	b = wire.AppendBind(b, "")
	b = wire.AppendDescribe(b)
	b = wire.AppendExecute(b)
	return Mode{Name: "extended", batch: wire.AppendSync(b), queries: 1}
}

// pipelined is several Query messages in one write.
func pipelined() Mode {
	m := Mode{Name: "pipelined", queries: Depth}
	for range Depth {
		m.batch = wire.AppendQuery(m.batch, sql)
	}
	return m
}

// pipelinedPrepared is several executions, each with its Sync, in one write.
func pipelinedPrepared() Mode {
	m := Mode{Name: "pipelined-prepared", setup: parseOnce(), queries: Depth}
	for range Depth {
		m.batch = appendExecution(m.batch)
	}
	return m
}

func parseOnce() []byte { return wire.AppendSync(wire.AppendParse(nil, name, sql)) }

func appendExecution(b []byte) []byte {
	return wire.AppendSync(wire.AppendExecute(wire.AppendBind(b, name)))
}
