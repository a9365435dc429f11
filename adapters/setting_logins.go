package adapters

var loginSettings = []setting{
	together("auth_type", "md5", "`auth { method … }`: `scram-sha-256`, `md5`, `plain`, `cert`, `trust`. `any` is `trust`, where all databases have a `user`. "+
		"`hba`, `pam` and `ldap` are refused. With `trust` and `cert`, `known_users on` lets in only those whom a file or Postgres knows, as there"),
	together("auth_file", "", "`auth { users_file … }`, the same file; read again when it changes"),
	together("auth_user", "", "`auth { query_user <name> }`, whose secret is that of the file"),
	together("auth_query", "the one of `pg_authid`", "`auth { query … }`; `search_path` is always `pg_catalog` there, so that functions need "+
		"their schema, and answers are kept for `query_ttl`"),
	together("auth_dbname", "", "`auth { query_database … }`, the name that the database has in Postgres; on other servers than the pool's own it is refused"),
	isMissing("auth_hba_file", "", "none: `auth_type = hba` is refused. Addresses are told apart by `layer4`, with a route and `postgres_pool "+
		"<name>` for each; methods and TLS are the pool's"),
	isMissing("auth_ident_file", "", "none without `auth_type hba`; for certificates there is `auth { cert_user <common name> <user>… }`"),
	isMissing("auth_ldap_options", "", "none: LDAP is not there"),
	isMissing("scram_iterations", "4096", "none: passwords in clear are hashed with 4096; a verifier brings its own number"),
}
