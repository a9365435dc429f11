package console

import (
	"context"
	"fmt"
	"strconv"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// orders is what the words mean.
var orders = map[string]engine.Order{
	"disable":   engine.OrderDisable,
	"enable":    engine.OrderEnable,
	"kill":      engine.OrderKill,
	"pause":     engine.OrderPause,
	"reconnect": engine.OrderReconnect,
	"resume":    engine.OrderContinue,
}

// ordering is the command that gives an order: to all, or to the database it names. PAUSE and KILL return when they have been carried out,
// RECONNECT at once: WAIT_CLOSE waits for it. Unlike PgBouncer's they may be said again.
func ordering(word string) func(*session, context.Context, *statement) (answer, error) {
	return func(s *session, ctx context.Context, stmt *statement) (answer, error) {
		if stmt.arg == "" && (word == "disable" || word == "enable") {
			return answer{}, &problem{state: syntaxError, message: "a database is required", hint: "Write " + stmt.tag() + " <database>."}
		}
		target, err := s.target(stmt)
		if err != nil {
			return answer{}, err
		}
		p, err := s.order(orders[word], target)
		if err != nil {
			return answer{}, err
		}
		switch word {
		case "reconnect":
			s.shared.remember(target, p)
		case "pause", "kill":
			err = s.await(ctx, stmt, p)
		}
		return answer{tag: stmt.tag()}, err
	}
}

func (s *session) order(o engine.Order, t engine.Target) (Progress, error) {
	p, err := s.world.Order(o, t)
	if err != nil {
		return nil, err
	}
	if r := p.Refused(); r != nil {
		return nil, &problem{state: r.SQLState, message: r.Message, detail: r.Detail, hint: r.Hint}
	}
	return p, nil
}

// killClient closes the client with an ID of SHOW CLIENTS.
func (s *session) killClient(_ context.Context, stmt *statement) (answer, error) {
	id, err := strconv.ParseUint(stmt.arg, 10, 64)
	if err != nil {
		return answer{}, &problem{
			state: syntaxError, message: "invalid client pointer supplied", hint: "Write KILL_CLIENT <id>, with an id of SHOW CLIENTS.",
		}
	}
	there, err := s.world.CloseClient(id)
	if err != nil {
		return answer{}, err
	}
	if !there {
		return answer{}, &problem{state: undefinedObject, message: "client not found", hint: fmt.Sprintf("No client has the id %d any more, or had it.", id)}
	}
	return answer{tag: stmt.tag()}, nil
}
