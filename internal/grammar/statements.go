package grammar

import (
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// statement looks at one: at those that may be reads. All others write.
func (w *walker) statement(s statement) {
	if len(s) != 1 {
		w.unknown()
	}
	for kind, fields := range s {
		m, _ := fields.(map[string]any)
		switch kind {
		case "SelectStmt":
			w.node(kind, m)
		case "ExplainStmt":
			w.query(m["query"])
		case "CopyStmt":
			w.copy(m)
		case "VariableShowStmt":
			w.show(m)
		default:
			w.writes = true
			w.writer(kind, m)
		}
	}
}

// writer looks at a statement that is no read. What is not named here may change anything.
func (w *walker) writer(kind string, m map[string]any) {
	switch kind {
	case "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt":
		w.node(kind, m)
	case "TruncateStmt":
		w.traits |= sql.Truncates
		w.targets(m["relations"])
	case "RefreshMatViewStmt":
		w.traits |= sql.Refreshes
		w.target(m["relation"])
	case "CallStmt":
		call, _ := m["funccall"].(map[string]any)
		w.node("FuncCall", call)
	case "LockStmt":
		w.value(m["relations"])
	case "DeclareCursorStmt", "PrepareStmt":
		w.query(m["query"])
	case "TransactionStmt":
		w.unclear = w.unclear || m["kind"] == "TRANS_STMT_COMMIT_PREPARED" || m["kind"] == "TRANS_STMT_ROLLBACK_PREPARED"
	default:
		w.unclear = w.unclear || !quiet[kind]
		w.shared(kind, m)
	}
}

// quiet is the statements that change nothing but their own session or transaction, or no row: what they mention does not matter. Where
// they run what was said before (FETCH, SET CONSTRAINTS IMMEDIATE), the transaction has said it.
var quiet = set(`VariableSetStmt ConstraintsSetStmt FetchStmt ClosePortalStmt ListenStmt UnlistenStmt NotifyStmt DeallocateStmt DiscardStmt
	CheckPointStmt VacuumStmt ReindexStmt`)

// query looks at what EXPLAIN, COPY, DECLARE or PREPARE is about: a read if that is a SELECT. It counts as run by EXPLAIN without ANALYZE too:
// that ANALYZE is off may be said with a literal, of which facts know nothing.
func (w *walker) query(v any) {
	m, _ := v.(map[string]any)
	w.writes = w.writes || m["SelectStmt"] == nil
	w.statement(m)
}

// copy looks at a COPY. What is false is not in the tree. A program of the server's may change anything.
func (w *walker) copy(m map[string]any) {
	for field, v := range m {
		switch field {
		case "relation":
			if m["is_from"] == true {
				w.target(v)
			} else {
				w.value(v)
			}
		case "query":
			w.query(v)
		case "attlist", "options":
		case "is_from", "filename", "whereClause":
			w.writes = true
			w.value(v)
		default: // is_program
			w.unknown()
		}
	}
}

// differs is the settings that a standby shows differently, whatever they are set to.
var differs = []string{"all", "transaction_read_only", "default_transaction_read_only", "in_hot_standby"}

func (w *walker) show(m map[string]any) {
	name, _ := m["name"].(string)
	w.writes = w.writes || slices.Contains(differs, strings.ToLower(name))
}
