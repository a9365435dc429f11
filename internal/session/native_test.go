package session

import (
	"strings"
	"testing"
)

// What a command of ours that has failed has left on the server is not listed: nobody has prepared it.
func TestWhatOursHasLeftIsNotListed(t *testing.T) {
	l, client, server := newListeners()
	server.untidy = true
	client.Feed(l.env, server, query("SELECT name FROM pg_prepared_statements"))
	if told := l.takes(aServer); !strings.HasPrefix(told, "C") || server.untidy {
		t.Errorf("the server is told %s", told)
	}
}
