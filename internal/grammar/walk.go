package grammar

import "github.com/pgmux/caddy-pgmux/internal/sql"

// walker goes through a parse tree. In the parser's JSON, a key that begins with a capital letter is the kind of a node, and its
// value has the fields; where a field can hold one kind only, it holds those fields itself.
type walker struct {
	// writes: the text is not of ClassReads. unclear: it is not Understood, and writes. varies: it is not Repeatable.
	writes, unclear, varies bool
	// traits is Truncates, Refreshes and Roles, as far as they have been seen.
	traits sql.Traits
	// Names, as Facts has them.
	functions, relations, written map[string]bool
	// scope is the common table expressions that can be seen.
	scope []string
}

// reading is the kinds of nodes that a SELECT may consist of and still only read.
var reading = set(`
	SelectStmt ResTarget ColumnRef ParamRef A_Star A_Const A_Expr A_Indices A_Indirection A_ArrayExpr
	RangeVar RangeSubselect RangeFunction RangeTableSample RangeTableFunc RangeTableFuncCol JoinExpr Alias ColumnDef
	WithClause CommonTableExpr CTESearchClause CTECycleClause SubLink SortBy WindowDef GroupingSet GroupingFunc
	FuncCall NamedArgExpr TypeCast TypeName CollateClause CollateExpr CaseExpr CaseWhen CoalesceExpr MinMaxExpr NullTest BooleanTest
	BoolExpr RowExpr SQLValueFunction XmlExpr XmlSerialize List String Integer Float Boolean BitString
	JsonOutput JsonReturning JsonFormat JsonValueExpr JsonObjectConstructor JsonArrayConstructor JsonArrayQueryConstructor
	JsonObjectAgg JsonArrayAgg JsonAggConstructor JsonKeyValue JsonIsPredicate JsonFuncExpr JsonArgument JsonBehavior
	JsonTable JsonTableColumn JsonTablePathSpec JsonParseExpr JsonScalarExpr JsonSerializeExpr`)

// writing is the kinds of nodes that what writes has besides, and is Understood all the same. What is in neither list may change anything.
var writing = set(`
	InsertStmt UpdateStmt DeleteStmt MergeStmt MergeWhenClause MergeSupportFunc IndexElem SetToDefault MultiAssignRef CurrentOfExpr`)

// unknown notes what may change anything.
func (w *walker) unknown() { w.writes, w.unclear = true, true }

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
		case key == "intoClause":
			w.unknown() // it creates a table
		case key == "lockingClause":
			w.writes = true // what it names is in FROM, too
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
	w.kind(kind)
	switch kind {
	case "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt":
		w.target(m["relation"])
		delete(m, "relation") // it is not mentioned otherwise
	case "FuncCall":
		w.functions[last(m["funcname"])] = true
	case "A_Indirection":
		w.attributes(m["indirection"])
	case "String":
		w.word(m["sval"])
	case "SQLValueFunction":
		w.varies = w.varies || !lasting(m["op"])
	case "RangeTableSample":
		w.sample(last(m["method"]))
	}
	w.fields(m)
}

func (w *walker) kind(kind string) {
	switch {
	case reading[kind]:
	case writing[kind]:
		w.writes = true
	default:
		w.unknown()
	}
}
