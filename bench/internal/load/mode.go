package load

import (
	"fmt"

	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

// Unique is the mode in which no query is asked twice.
const Unique = "unique"

// Depth is how many queries a pipelining client has in flight.
const Depth = 8

// Mode is what the clients say.
type Mode struct {
	Name string
	// Settings is the settings that must follow their clients for the replies to be right.
	Settings []string
	// Differs tells that not all clients have the same settings all the time.
	Differs bool
	// scripts is taken by the clients in turn.
	scripts []script
}

// Modes are the modes by name.
var Modes = []Mode{simple(), prepared(), extended(), pipelined(), pipelinedPrepared(), described(), unique()}

// ModeNamed finds a mode.
func ModeNamed(name string) (Mode, error) {
	for _, m := range Modes {
		if m.Name == name {
			return m, nil
		}
	}
	return Mode{}, fmt.Errorf("unknown mode %q", name)
}

// Texts is the SQL that clients say: what else a server is asked is the pooler's own.
func (m Mode) Texts() (all []string) {
	for _, s := range m.scripts {
		all = append(all, s.texts()...)
	}
	return all
}

const (
	sql       = "SELECT 1"
	sqlNumber = "SELECT $1::bigint"
	name      = "s1"
)

// mode is one in which every client says the same.
func mode(name string, setup unit, s step) Mode {
	return Mode{Name: name, scripts: []script{{setup: setup, units: []unit{{s}}}}}
}

// simple is one Query message.
func simple() Mode { return mode("simple", nil, query(sql, oneRow)) }

// prepared is Bind, Execute, Sync of a statement that was parsed once; every client gives it the same name, as
// drivers that count their statements do.
func prepared() Mode { return mode("prepared", parseOnce(), execution()) }

// extended is Parse, Bind, Describe, Execute, Sync of the unnamed statement, as drivers do that keep no statements.
func extended() Mode {
	b := wire.AppendParse(nil, "", sql)
	b = wire.AppendBind(b, "")
	b = wire.AppendDescribe(b)
	b = wire.AppendExecute(b)
	return mode("extended", nil, step{say: wire.AppendSync(b), replies: []reply{oneRow}, texts: []string{sql}})
}

// pipelined is several Query messages in one write.
func pipelined() Mode { return mode("pipelined", nil, repeated(query(sql, oneRow), Depth)) }

// pipelinedPrepared is several executions, each with its Sync, in one write.
func pipelinedPrepared() Mode {
	return mode("pipelined-prepared", parseOnce(), repeated(execution(), Depth))
}

// described is Bind, Describe, Execute, Sync of a statement that was parsed once, with a number as parameter, all in binary: what pgx says
// by default.
func described() Mode { return mode("pgx", parseOnceText(sqlNumber), ofNumber()) }

// unique is the same with another number each time: nobody can have kept the answer.
func unique() Mode {
	s := ofNumber()
	s.number = len(wire.AppendBindNumber(nil, name, 0)) - wire.AfterNumber - 8
	return mode(Unique, parseOnceText(sqlNumber), s)
}

func parseOnce() unit { return parseOnceText(sql) }

func parseOnceText(sql string) unit {
	return unit{{say: wire.AppendSync(wire.AppendParse(nil, name, sql)), replies: []reply{done}, texts: []string{sql}}}
}

func execution() step {
	say := wire.AppendSync(wire.AppendExecute(wire.AppendBind(nil, name)))
	return step{say: say, replies: []reply{oneRow}, texts: []string{sql}}
}

// ofNumber executes the statement that has a parameter.
func ofNumber() step {
	say := wire.AppendSync(wire.AppendExecute(wire.AppendDescribe(wire.AppendBindNumber(nil, name, 1))))
	return step{say: say, replies: []reply{oneRow}, texts: []string{sqlNumber}}
}
