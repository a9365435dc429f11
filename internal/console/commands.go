package console

import (
	"context"
	"fmt"
	"strings"
)

// answer is what a command has brought about.
type answer struct {
	table          *table // nil: it returns no rows
	notice, detail string
	tag            string // of CommandComplete
}

// command is something that can be said.
type command struct {
	// admin: users of stats_users may not say it. This is looked at in one place, before anything of the command is: see session.run.
	admin bool
	run   func(*session, context.Context, *statement) (answer, error)
}

// commands is everything but SHOW, which is in shows.
var commands = map[string]command{
	"disable":     {true, ordering("disable")},
	"enable":      {true, ordering("enable")},
	"kill":        {true, ordering("kill")},
	"kill_client": {true, (*session).killClient},
	"pause":       {true, ordering("pause")},
	"reconnect":   {true, ordering("reconnect")},
	"reload":      {true, (*session).reload},
	"resume":      {true, ordering("resume")},
	"set":         {true, (*session).setConfig},
	"shutdown":    {true, refusing(noShutdown)},
	"suspend":     {true, refusing(noSuspend)},
	"wait_close":  {true, (*session).waitClose},
}

// run authorises and runs a command.
func (s *session) run(ctx context.Context, stmt *statement) (answer, error) {
	s.shared.commands.Add(1)
	select {
	case <-s.Cancel: // was meant for something before
	default:
	}
	c, known := stmt.command()
	if !known {
		return answer{}, notACommand(stmt.text)
	}
	if !c.admin {
		return c.run(s, ctx, stmt)
	}
	if !s.Admin {
		err := adminNeeded()
		s.world.Ended(s.User, stmt.text, err)
		return answer{}, err
	}
	s.world.Given(s.User, stmt.text)
	a, err := c.run(s, ctx, stmt)
	s.world.Ended(s.User, stmt.text, err)
	return a, err
}

// command finds what is said. PgBouncer takes SELECT for SHOW.
func (stmt *statement) command() (c command, known bool) {
	switch {
	case stmt.word == "set" && !stmt.set:
		return command{}, false
	case stmt.word == "set" && isFake(stmt.arg):
		return command{run: (*session).fakeSet}, true
	case stmt.word != "show" && stmt.word != "select":
		c, known = commands[stmt.word]
		return c, known
	}
	show, known := shows[strings.ToLower(stmt.arg)]
	return command{admin: show.admin, run: show.run}, known
}

// returns is the columns of the rows that a command returns; nil: it returns none.
func (stmt *statement) returns() *columns {
	if stmt.word != "show" && stmt.word != "select" {
		return nil
	}
	show, known := shows[strings.ToLower(stmt.arg)]
	if !known || len(show.names) == 0 {
		return nil
	}
	return &show.columns
}

// tag is the word in capitals, as PgBouncer has it.
func (stmt *statement) tag() string { return strings.ToUpper(stmt.word) }

func refusing(p *problem) func(*session, context.Context, *statement) (answer, error) {
	return func(*session, context.Context, *statement) (answer, error) { return answer{}, p }
}

var (
	noSuspend = &problem{
		state: featureNotSupported, message: "SUSPEND is not supported",
		detail: "It is for PgBouncer's online restart, which hands sockets over to another process.",
		hint:   "Use PAUSE to stop giving out servers. Configurations change without a restart.",
	}
	noShutdown = &problem{
		state: featureNotSupported, message: "SHUTDOWN is not supported",
		detail: "The process is Caddy's, and may serve more than pools.",
		hint:   "Use `caddy stop` or SIGTERM to end the process, or POST /postgres/pools/<name>/drain of the admin API to send clients away.",
	}
	noDescriptors = &problem{
		state: featureNotSupported, message: "SHOW FDS is not supported",
		detail: "It would hand out sockets and cancel keys, for PgBouncer's online restart.",
		hint:   "SHOW CLIENTS and SHOW SERVERS list the connections.",
	}
)

// reload has the configuration read again.
func (s *session) reload(ctx context.Context, stmt *statement) (answer, error) {
	if stmt.arg != "" {
		return answer{}, notACommand(stmt.text)
	}
	if err := s.world.Reload(ctx); err != nil {
		return answer{}, &problem{state: configFileError, message: "RELOAD failed: " + err.Error()}
	}
	return answer{tag: stmt.tag()}, nil
}

// setConfig refuses: a change that the configuration does not know is gone with the next reload.
func (s *session) setConfig(_ context.Context, stmt *statement) (answer, error) {
	return answer{}, &problem{
		state: featureNotSupported, message: fmt.Sprintf("SET cannot change %s", excerpt(stmt.arg)),
		detail: "Settings belong to the configuration of Caddy, which changes while it runs.",
		hint: "Change it through Caddy's admin API, for a pool: curl -X PATCH -H 'Content-Type: application/json' -d '<value>' " +
			"localhost:2019/config/apps/postgres/pools/<pool>/<option>; or change the file, and RELOAD.",
	}
}
