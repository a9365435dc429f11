package grammar

import (
	"maps"
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// Classify says what a text does. It blocks: the first call for a second, others for as long as texts before it are parsed. Where
// there is an error, the facts are those of a text that writes; the error says why nothing better is known. It is meant for
// people, for a syntax error is the client's.
func Classify(text string) (sql.Facts, error) {
	statements, err := parse(text)
	if err != nil {
		return sql.Facts{}, err
	}
	if len(statements) == 1 {
		if begin, ok := statements[0]["TransactionStmt"].(map[string]any); ok {
			return sql.Facts{Class: beginning(begin)}, nil
		}
	}
	w := walker{functions: map[string]bool{}, relations: map[string]bool{}}
	for _, s := range statements {
		w.statement(s)
	}
	if w.writes {
		return sql.Facts{}, nil
	}
	return sql.Facts{Class: sql.ClassReads, Functions: slices.Sorted(maps.Keys(w.functions)), Relations: slices.Sorted(maps.Keys(w.relations))}, nil
}

// statement looks at one.
func (w *walker) statement(s statement) {
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
		}
	}
	w.writes = w.writes || len(s) != 1
}

// query looks at what EXPLAIN or COPY is about, which must be a SELECT.
func (w *walker) query(v any) {
	if m, _ := v.(map[string]any); len(m) == 1 && m["SelectStmt"] != nil {
		w.value(m)
		return
	}
	w.writes = true
}

// copy looks at a COPY. What is false is not in the tree.
func (w *walker) copy(m map[string]any) {
	for field, v := range m {
		switch field {
		case "relation":
			w.value(v)
		case "query":
			w.query(v)
		case "attlist", "options":
		default: // is_from, is_program, filename, whereClause
			w.writes = true
		}
	}
}

// differs is the settings that a standby shows differently, whatever they are set to.
var differs = []string{"all", "transaction_read_only", "default_transaction_read_only", "in_hot_standby"}

func (w *walker) show(m map[string]any) {
	name, _ := m["name"].(string)
	w.writes = w.writes || slices.Contains(differs, strings.ToLower(name))
}

// beginning is what a BEGIN begins. An option that is said twice counts as said both ways.
func beginning(m map[string]any) sql.Class {
	if kind := m["kind"]; kind != "TRANS_STMT_BEGIN" && kind != "TRANS_STMT_START" {
		return sql.ClassWrites
	}
	class := sql.ClassBegins
	options, _ := m["options"].([]any)
	for _, o := range options {
		o, _ := o.(map[string]any)
		d, _ := o["DefElem"].(map[string]any)
		switch arg := constant(d["arg"]); {
		case d["defname"] == "transaction_read_only" && arg == 1.0:
			class = sql.ClassBeginsReadOnly
		case d["defname"] == "transaction_isolation" && arg != "serializable", d["defname"] == "transaction_deferrable":
		default:
			return sql.ClassBegins
		}
	}
	return class
}

// constant is the value of one; nil for 0, which is not in the tree.
func constant(v any) any {
	m, _ := v.(map[string]any)
	c, _ := m["A_Const"].(map[string]any)
	for _, field := range []string{"ival", "sval"} {
		if inner, ok := c[field].(map[string]any); ok {
			return inner[field]
		}
	}
	return nil
}
