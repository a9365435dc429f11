package grammar

import (
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// walker goes through a parse tree. In the parser's JSON, a key that begins with a capital letter is the kind of a node, and its
// value has the fields; where a field can hold one kind only, it holds those fields itself.
type walker struct {
	writes               bool
	functions, relations map[string]bool
	// scope is the common table expressions that can be seen.
	scope []string
}

// known is the kinds of nodes that a SELECT may consist of and still only read. What is not here writes.
var known = func() map[string]bool {
	m := map[string]bool{}
	for _, kind := range strings.Fields(`
		SelectStmt ResTarget ColumnRef ParamRef A_Star A_Const A_Expr A_Indices A_Indirection A_ArrayExpr
		RangeVar RangeSubselect RangeFunction RangeTableSample RangeTableFunc RangeTableFuncCol JoinExpr Alias ColumnDef
		WithClause CommonTableExpr CTESearchClause CTECycleClause SubLink SortBy WindowDef GroupingSet GroupingFunc
		FuncCall NamedArgExpr TypeCast TypeName CollateClause CollateExpr CaseExpr CaseWhen CoalesceExpr MinMaxExpr NullTest BooleanTest
		BoolExpr RowExpr SQLValueFunction XmlExpr XmlSerialize List String Integer Float Boolean BitString
		JsonOutput JsonReturning JsonFormat JsonValueExpr JsonObjectConstructor JsonArrayConstructor JsonArrayQueryConstructor
		JsonObjectAgg JsonArrayAgg JsonAggConstructor JsonKeyValue JsonIsPredicate JsonFuncExpr JsonArgument JsonBehavior
		JsonTable JsonTableColumn JsonTablePathSpec JsonParseExpr JsonScalarExpr JsonSerializeExpr`) {
		m[kind] = true
	}
	return m
}()

// value looks at anything in the tree.
func (w *walker) value(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			w.value(item)
		}
	case map[string]any:
		w.fields(v)
	}
}

// fields looks at the fields of a node, or at the one key of what says of which kind a node is.
func (w *walker) fields(m map[string]any) {
	if ctes, ok := m["withClause"].(map[string]any); ok {
		defer func(n int) { w.scope = w.scope[:n] }(len(w.scope))
		w.with(ctes)
	}
	if m["relname"] != nil {
		w.relation(m)
	}
	for key, v := range m {
		switch {
		case key[0] >= 'A' && key[0] <= 'Z':
			inner, _ := v.(map[string]any)
			w.node(key, inner)
		case key == "intoClause" || key == "lockingClause":
			w.writes = true
		case key != "withClause":
			w.value(v)
		}
	}
}

// with looks at common table expressions, and leaves their names in scope. One sees those before it; if they are recursive, all.
func (w *walker) with(m map[string]any) {
	list, _ := m["ctes"].([]any)
	for _, recursive := range []bool{true, false} {
		for _, item := range list {
			if !recursive {
				w.value(item)
			}
			if recursive == (m["recursive"] == true) {
				w.scope = append(w.scope, cteName(item))
			}
		}
	}
}

func cteName(item any) string {
	m, _ := item.(map[string]any)
	cte, _ := m["CommonTableExpr"].(map[string]any)
	name, _ := cte["ctename"].(string)
	return name
}

// node looks at a node of a kind.
func (w *walker) node(kind string, m map[string]any) {
	w.writes = w.writes || !known[kind]
	switch kind {
	case "FuncCall":
		w.functions[last(m["funcname"])] = true
	case "A_Indirection":
		w.attributes(m["indirection"])
	case "String":
		w.temporary(m["sval"])
	case "RangeTableSample":
		method := last(m["method"])
		w.writes = w.writes || method != "bernoulli" && method != "system"
	}
	w.fields(m)
}

// relation notes a table or view, unless it is a common table expression.
func (w *walker) relation(m map[string]any) {
	w.temporary(m["schemaname"])
	name, _ := m["relname"].(string)
	if m["schemaname"] == nil && slices.Contains(w.scope, name) {
		return
	}
	w.relations[name] = true
}

// attributes notes what may be functions of Postgres in the place of columns, as in ('s'::regclass).nextval. Functions of users are
// looked for in every word of the text.
func (w *walker) attributes(v any) {
	list, _ := v.([]any)
	for _, item := range list {
		if name := last([]any{item}); name != "" && sql.Uncertain(name) {
			w.functions[name] = true
		}
	}
}

// temporary: what is in the schema of temporary tables is a session's own.
func (w *walker) temporary(name any) {
	s, _ := name.(string)
	w.writes = w.writes || strings.HasPrefix(s, "pg_temp")
}

// last is the last part of a name.
func last(v any) string {
	list, _ := v.([]any)
	if len(list) == 0 {
		return ""
	}
	m, _ := list[len(list)-1].(map[string]any)
	s, _ := m["String"].(map[string]any)
	name, _ := s["sval"].(string)
	return name
}
