package session

import "testing"

// What a BEGIN says of its isolation is taken only where nothing else is said.
func TestIsolationOf(t *testing.T) {
	for text, want := range map[string]Isolation{
		"BEGIN":                                  IsolationDefault,
		" begin ; ":                              IsolationDefault,
		"Begin Work":                             IsolationDefault,
		"START TRANSACTION":                      IsolationDefault,
		"BEGIN READ ONLY":                        IsolationDefault,
		"begin /* a comment */":                  IsolationDefault,
		"START TRANSACTION READ WRITE":           IsolationDefault,
		"BEGIN ISOLATION LEVEL\nREAD  COMMITTED": ReadCommitted,
		"begin transaction isolation level read uncommitted read only": ReadCommitted,
		"begin read only isolation level read committed":               ReadCommitted,

		"":                                      IsolationUnknown,
		"START":                                 IsolationUnknown,
		"BEGINNING":                             IsolationUnknown,
		"BEGIN ISOLATION LEVEL REPEATABLE READ": IsolationUnknown,
		"BEGIN ISOLATION LEVEL SERIALIZABLE":    IsolationUnknown,
		"BEGIN DEFERRABLE":                      IsolationUnknown,
		"BEGIN; SELECT 1":                       IsolationUnknown,
		"BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ":               IsolationUnknown,
		"begin /* a */ /* b */":                                                IsolationUnknown,
		"begin isolation level read committed isolation level repeatable read": IsolationUnknown,
	} {
		if got := IsolationOf([]byte(text)); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}
