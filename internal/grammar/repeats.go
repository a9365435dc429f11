package grammar

// What a text asks for that is no data of a table, or changes while nobody writes to any, makes it not Repeatable. Functions are
// for sql.Repeats to judge.

// lasting reports whether an SQLValueFunction, by its op, answers the same in every session of the same user, database and
// settings. The others, and what a newer grammar brings, tell the time.
func lasting(op any) bool {
	name, _ := op.(string)
	return ofSession[name]
}

var ofSession = set(`SVFOP_CURRENT_ROLE SVFOP_CURRENT_USER SVFOP_USER SVFOP_SESSION_USER SVFOP_CURRENT_CATALOG SVFOP_CURRENT_SCHEMA`)

// fleeting is names that, wherever they stand, may be something that changes while no row does: where a row is (VACUUM FULL, CLUSTER), who
// has locked it, and a type whose values take their offset from the present date.
var fleeting = set("ctid xmax cmin cmax timetz")

// sample notes a TABLESAMPLE by its method. Those that are not Postgres's own may do anything; of all, which rows they take depends on
// where rows are.
func (w *walker) sample(method string) {
	w.varies = true
	if method != "bernoulli" && method != "system" {
		w.unknown()
	}
}
