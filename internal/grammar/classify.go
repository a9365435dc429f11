package grammar

import "github.com/pgmux/caddy-pgmux/internal/sql"

// Classify says what a text does. It blocks: the first call for a second, others for as long as texts before it are parsed. Where
// there is an error, the facts are those of a text that may change anything, and roles too; the error says why nothing better is
// known. It is meant for people, for a syntax error is the client's.
func Classify(text string) (sql.Facts, error) {
	statements, err := parse(text)
	if err != nil {
		return sql.Facts{Traits: sql.Roles}, err
	}
	w := walker{functions: map[string]bool{}, relations: map[string]bool{}, written: map[string]bool{}}
	for _, s := range statements {
		w.statement(s)
	}
	f := w.facts()
	if len(statements) == 1 {
		w.alone(&f, statements[0])
	}
	return f, nil
}

// alone adds what is true only of a text of one statement.
func (w *walker) alone(f *sql.Facts, s statement) {
	if begins := beginning(s); begins != sql.ClassWrites {
		f.Class = begins
	}
	if s["SelectStmt"] != nil && f.Class == sql.ClassReads && f.Traits.Has(sql.Understood) && !w.varies {
		f.Traits |= sql.Repeatable
	}
}

// facts is what has been found. Nothing is told of a text that may change anything, but whether roles may be among it.
func (w *walker) facts() (f sql.Facts) {
	switch {
	case w.unclear, len(w.functions)+len(w.relations)+len(w.written) > maxNames:
		f.Traits = w.traits & sql.Roles
	default:
		f.Traits, f.Written = w.traits|sql.Understood, sorted(w.written)
	}
	if !w.writes {
		f.Class = sql.ClassReads
	}
	if f.Class == sql.ClassReads || f.Traits.Has(sql.Understood) {
		f.Functions, f.Relations = sorted(w.functions), sorted(w.relations)
	}
	return f
}

// beginning is what a BEGIN begins; of anything else, ClassWrites. An option that is said twice counts as said both ways.
func beginning(s statement) sql.Class {
	m, _ := s["TransactionStmt"].(map[string]any)
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
