package config

// Console is PgBouncer's console: the virtual database `pgbouncer`, which clients reach through any listener of any pool. A pool's `databases`
// with a `*` does not take that name then; one that has it in full keeps it, and nobody reaches the console. Clients log in by SCRAM, encrypted
// if the pool of their handler demands it; a handler without a pool's name demands what any of the pools does.
type Console struct {
	// AdminUsers may say everything. Required: at least one, or one of stats_users. (PgBouncer: admin_users.)
	AdminUsers []*User `json:"admin_users,omitempty"`

	// StatsUsers may SHOW, but for SHOW FDS. (PgBouncer: stats_users.)
	StatsUsers []*User `json:"stats_users,omitempty"`

	// UsersFile is the path of a file with lines `"user" "secret"`, as PgBouncer's auth_file, which has the secrets of those who have none
	// above. Nobody else of the file is let in. It must be readable when the configuration is loaded, and is read again within a second when
	// it changes. md5 hashes do not do. (PgBouncer: auth_file.)
	UsersFile string `json:"users_file,omitempty"`
}

// User is a user of the console and its secret.
type User struct {
	// Name is the user. Required.
	Name string `json:"name"`

	// Secret is the password, a SCRAM-SHA-256 verifier, or a placeholder for one of these, as in `auth`. Empty: that of users_file.
	Secret string `json:"secret,omitempty"`
}
