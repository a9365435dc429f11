package grammar

import "github.com/pgmux/caddy-pgmux/internal/sql"

// Roles, databases and tablespaces are of all databases of a server: whoever changes them reaches further than his own.

// sharing is the statements that change them, or run code that is not seen and may.
var sharing = set(`CreateRoleStmt AlterRoleStmt AlterRoleSetStmt DropRoleStmt GrantRoleStmt ReassignOwnedStmt DropOwnedStmt
	CreatedbStmt DropdbStmt AlterDatabaseStmt AlterDatabaseSetStmt AlterDatabaseRefreshCollStmt AlterSystemStmt
	CreateTableSpaceStmt DropTableSpaceStmt AlterTableSpaceOptionsStmt
	DoStmt CreateExtensionStmt AlterExtensionStmt`)

// sharedObjects is the kinds of objects that make RENAME, OWNER TO and GRANT ON such a statement.
var sharedObjects = set("OBJECT_ROLE OBJECT_DATABASE OBJECT_TABLESPACE OBJECT_PARAMETER_ACL")

// shared notes a statement that may change what is of all databases.
func (w *walker) shared(kind string, m map[string]any) {
	field := ""
	switch kind {
	case "RenameStmt":
		field = "renameType"
	case "AlterOwnerStmt":
		field = "objectType"
	case "GrantStmt":
		field = "objtype"
	}
	object, _ := m[field].(string)
	if sharing[kind] || sharedObjects[object] {
		w.traits |= sql.Roles
	}
}
