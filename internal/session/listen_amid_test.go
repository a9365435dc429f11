package session

import (
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// extended is the messages that execute a text as the unnamed statement.
func extended(b []byte, text string) []byte {
	b = pgwire.AppendParse(b, nil, []byte(text), []byte{0, 0})
	return pgwire.AppendExecute(pgwire.AppendPlainBind(b, nil, nil), nil)
}

// The ReadyForQuery of a batch is the client's, though one has been begun behind it that listens.
func TestABatchBeforeOneThatListens(t *testing.T) {
	l, client, server := newListeners()
	batch := pgwire.AppendEmpty(extended(nil, "SELECT 1"), pgwire.Sync)
	batch = extended(batch, "LISTEN b")
	used, verdict, _ := client.Feed(l.env, server, batch)
	if verdict != Await || !server.Channels.Changed {
		t.Fatalf("after %d bytes of %d: %v, %+v", used, len(batch), verdict, server.Channels)
	}
	answer := pgwire.AppendEmpty(pgwire.AppendEmpty(nil, pgwire.ParseComplete), pgwire.BindComplete)
	server.Feed(l.env, client, append(answer, completed("SELECT 1", 'I')...))
	if got := l.takes(aClient); got != "1,2,C,ZI" || server.Channels.Held {
		t.Errorf("the client is told %s, and held: %v", got, server.Channels.Held)
	}
}

// What a batch listens to before the client's channels are put into it stays.
func TestChannelsBehindAListen(t *testing.T) {
	l, client, server := newListeners()
	client.Listens = true
	client.Feed(l.env, server, extended(extended(nil, "LISTEN b"), "UNLISTEN c"))
	if got := l.takes(aServer); strings.Contains(got, "UNLISTEN *") || !strings.Contains(got, `LISTEN "a"`) {
		t.Errorf("the server is told %s", got)
	}
}

// Where the client's channels could not be put on the server, what that listens to is not what the client does.
func TestChannelsThatCouldNotBePut(t *testing.T) {
	l, client, server := newListeners()
	client.Listens = true
	client.Feed(l.env, server, query("UNLISTEN a"))
	failed := pgwire.AppendError(nil, "ERROR", "57014", "canceling statement due to user request", "", "")
	server.Feed(l.env, client, append(pgwire.AppendReady(failed, 'I'), completed("UNLISTEN", 'I')...))
	if !server.Channels.Unsure {
		t.Errorf("%+v", server.Channels)
	}
}

// Nothing is put ahead of a client's text while a cancel is on its way that would hit it.
func TestChannelsWaitForACancel(t *testing.T) {
	l, client, server := newListeners()
	client.Listens, server.CancelComes = true, true
	if _, verdict, _ := client.Feed(l.env, server, query("BEGIN")); verdict != Await || len(l.sent[aServer]) > 0 {
		t.Errorf("%v, and the server is told %s", verdict, l.takes(aServer))
	}
}

// Where statements keep the client's names (max_prepared_statements 0), one that listens is noticed when it is executed.
func TestAStatementThatListensUnderItsOwnName(t *testing.T) {
	l, client, server := newListeners()
	client.NoPrepared = true
	client.Feed(l.env, server, pgwire.AppendEmpty(pgwire.AppendParse(nil, []byte("s"), []byte("LISTEN b"), []byte{0, 0}), pgwire.Sync))
	server.Feed(l.env, client, pgwire.AppendReady(pgwire.AppendEmpty(nil, pgwire.ParseComplete), 'I'))
	server.Channels = Channels{} // the engine has asked
	l.takes(aServer)
	client.Feed(l.env, server, pgwire.AppendPlainBind(nil, nil, []byte("s")))
	if !server.Channels.Changed {
		t.Errorf("%+v", server.Channels)
	}
}

// Who listens goes on as it has begun when its pool becomes one of sessions: UNLISTEN ends what the listener hears.
func TestListenInASessionThatWasNone(t *testing.T) {
	l, client, server := newListeners()
	client.Listens = true
	server.Pins |= PinSession
	client.Feed(l.env, server, query("UNLISTEN a"))
	if got := l.takes(aServer); !strings.HasPrefix(got, `QUNLISTEN *;LISTEN "a",`) || !server.Channels.Changed {
		t.Errorf("the server is told %s: %+v", got, server.Channels)
	}
}

// A notification that was kept comes before the ReadyForQuery that we say ourselves.
func TestWhatWasKeptAmidALocalBatch(t *testing.T) {
	l, client, server := newListeners()
	l.kept = notification("kept")
	parse := pgwire.AppendEmpty(pgwire.AppendParse(nil, []byte("s"), []byte("SELECT 1"), []byte{0, 0}), pgwire.Sync)
	client.Feed(l.env, server, parse)
	server.Feed(l.env, client, pgwire.AppendReady(pgwire.AppendEmpty(nil, pgwire.ParseComplete), 'I'))
	l.takes(aClient)
	other := &Client{Conn: aClient, Slot: 2}
	other.Feed(l.env, nil, parse[:len(parse)-5])
	if !other.AmidBatch() {
		t.Fatal("the Parse was not answered without a server")
	}
	other.Pending = true
	other.Feed(l.env, nil, parse[len(parse)-5:])
	if got := l.takes(aClient); got != "1,Akept,ZI" {
		t.Errorf("the client is told %s", got)
	}
}

// Internal names never reach a client that lists its statements, whatever a function has prepared besides (trap 20).
func TestTrap20NamesBesideAFunctions(t *testing.T) {
	l, client, server := newListeners()
	parse := pgwire.AppendParse(nil, []byte("s"), []byte("SELECT 1"), []byte{0, 0})
	client.Feed(l.env, server, pgwire.AppendEmpty(parse, pgwire.Sync))
	server.Feed(l.env, client, pgwire.AppendReady(pgwire.AppendEmpty(nil, pgwire.ParseComplete), 'I'))
	server.Pins |= PinPrepare // Postgres was asked, and said so
	l.takes(aServer)
	client.Feed(l.env, server, query("SELECT name FROM pg_prepared_statements"))
	got := l.takes(aServer)
	if !strings.HasPrefix(got, "C,Ps SELECT 1") || strings.Contains(got, "DEALLOCATE") || server.Prepared.Len() != 0 {
		t.Errorf("the server is told %s and has %d of ours", got, server.Prepared.Len())
	}
}
