package engine

import (
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/routing"
)

// deferRig is a splitRig that defers BEGIN.
func deferRig(t *testing.T, change func(*PoolConfig)) *rig {
	t.Helper()
	r := splitRig(t, 1, func(p *PoolConfig) {
		p.DeferBegin = true
		if change != nil {
			change(p)
		}
	})
	r.knows("select new")
	return r
}

// A BEGIN waits for the first statement behind it, which decides where the transaction goes.
func TestBeginIsDeferred(t *testing.T) {
	r := deferRig(t, nil)
	c := r.client("c")
	r.note("what reads, to a replica; there it stays")
	r.says(c, "begin")
	r.says(c, "select 1")
	r.says(c, "insert")
	r.says(c, "commit")
	r.note("what writes, to the primary")
	r.says(c, "Start\tTransaction;")
	r.says(c, "commit")
	r.says(c, "Query: BEGIN ISOLATION LEVEL repeatable  read /* by: test */")
	r.says(c, "insert")
	r.says(c, "commit")
	r.pass(50 * time.Millisecond) // its server rests with it for its numbers
	r.note("nothing: nobody is asked")
	r.says(c, "begin")
	r.says(c, "rollback;")
	r.says(c, "start transaction")
	r.says(c, "end")
	r.note("at once")
	d := r.client("d")
	r.says(d, "begin", "select 1", "select 2", "commit")
	r.note("what cannot be, is not deferred")
	for _, begin := range []string{"begin isolation level serializable", "begin read write", "begin; select 1", "begin deferrable", "begin /* route: primary */"} {
		r.says(d, "Query: "+begin)
		r.says(d, "rollback")
	}
	r.compare()
}

// By the extended protocol likewise, also where the BEGIN is part of the batch.
func TestBeginIsDeferredInExtendedMessages(t *testing.T) {
	r := deferRig(t, nil)
	c := r.client("c")
	begin := []string{"Parse: unnamed begin", "Bind:", "Execute:", "Sync:"}
	r.says(c, begin...)
	r.says(c, "Parse: unnamed select 1", "Bind:", "Execute:", "Sync:")
	r.says(c, "commit")
	r.note("with COMMIT behind it")
	r.says(c, begin...)
	r.says(c, "Parse: unnamed commit", "Bind:", "Execute:", "Sync:")
	r.note("what was prepared is executed")
	r.says(c, "Parse: b begin", "Sync:")
	r.says(c, "Bind: b", "Execute:", "Sync:")
	r.says(c, "Sync:")
	r.says(c, "insert")
	r.says(c, "commit")
	r.note("in one batch: what reads, and what writes")
	d := r.client("d")
	r.says(d, "Parse: unnamed begin", "Bind:", "Execute:", "Parse: unnamed select 1", "Bind:", "Execute:", "Sync:")
	r.says(d, "commit")
	r.knows("commit")
	r.says(d, "Parse: unnamed begin", "Bind:", "Execute:", "Parse: unnamed insert", "Bind:", "Execute:", "Sync:")
	r.says(d, "commit")
	r.compare()
}

// While it is deferred the client is in a transaction, for all but a drain: it has nothing to lose.
func TestAClientWhoseBeginIsDeferred(t *testing.T) {
	r := deferRig(t, func(p *PoolConfig) {
		p.ClientIdleTimeout, p.IdleTransactionTimeout = 10*time.Second, 20*time.Second
	})
	r.wordy = true
	c := r.client("c")
	r.note("it is idle in a transaction")
	r.says(c, "begin")
	r.pass(19 * time.Second)
	r.pass(2 * time.Second)
	d := r.client("d")
	r.note("drain")
	r.says(d, "begin")
	r.e.Drain()
	r.settle()
	r.compare()
}

// Without a server to be had the transaction has failed, until its client ends it.
func TestABeginThatIsDeferredInVain(t *testing.T) {
	r := deferRig(t, func(p *PoolConfig) { p.Reads = routing.ReadsReplica })
	c := r.client("c")
	for range 2 {
		r.report(routing.Report{Address: "two:5432", Failed: "no answer"})
		r.report(routing.Report{Address: "three:5432", Failed: "no answer"})
	}
	r.says(c, "begin")
	r.says(c, "select 1")
	r.pass(31 * time.Second)
	r.says(c, "insert")
	r.says(c, "Parse: unnamed select 1", "Bind:", "Execute:", "Sync:")
	r.says(c, "begin")
	r.says(c, "commit")
	r.says(c, "insert")
	r.pass(50 * time.Millisecond)
	r.note("by the extended protocol")
	r.says(c, "begin")
	r.says(c, "Parse: unnamed select 1", "Bind:", "Execute:", "Sync:")
	r.pass(31 * time.Second)
	r.says(c, "Sync:")
	r.says(c, "Parse: unnamed rollback", "Bind:", "Execute:", "Sync:")
	r.says(c, "insert")
	r.compare()
}
