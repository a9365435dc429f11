package pgtest

import (
	"fmt"
	"maps"
	"strings"
)

// Options is what a test wants of its server. The zero value is a Postgres of the oldest version at hand that lets
// everybody in.
type Options struct {
	// Version is the major version; 0: the oldest at hand.
	Version int
	// Auth is the pg_hba method for TCP connections that no line of HBA matches: trust (the default), password, md5,
	// scram-sha-256.
	Auth string
	// HBA is pg_hba.conf lines before that.
	HBA []string
	// PasswordEncryption is md5 or scram-sha-256, the default: how the passwords of Roles are kept.
	PasswordEncryption string
	// MaxConnections defaults to 100.
	MaxConnections int
	// Settings is what else goes into postgresql.conf.
	Settings map[string]string
	// Files is what else goes into the data directory, such as certificates, which Settings then names: only the server
	// may read them, as it demands of its key.
	Files map[string]string
	// Roles are made before Databases.
	Roles []Role
	// Databases are made with the first of Roles, if any, as their owner.
	Databases []string
	// Replication prepares the server to have replicas, and to change places with one of them.
	Replication bool
}

// Role is a login role.
type Role struct {
	Name, Password string
	Superuser      bool
}

// files is what the data directory needs beside what initdb has made, by name.
func (o Options) files(port int, socketDir string) map[string]string {
	all := map[string]string{"postgresql.conf": o.conf(port, socketDir), "pg_hba.conf": o.hba()}
	maps.Copy(all, o.Files)
	return all
}

// conf is the text of postgresql.conf.
func (o Options) conf(port int, socketDir string) string {
	settings := map[string]string{
		"listen_addresses":           "127.0.0.1",
		"port":                       fmt.Sprint(port),
		"unix_socket_directories":    socketDir,
		"max_connections":            fmt.Sprint(or(o.MaxConnections, 100)),
		"password_encryption":        or(o.PasswordEncryption, "scram-sha-256"),
		"fsync":                      "off",
		"synchronous_commit":         "off",
		"full_page_writes":           "off",
		"shared_buffers":             "32MB",
		"wal_level":                  "minimal",
		"max_wal_senders":            "0",
		"max_wal_size":               "512MB",
		"autovacuum":                 "off",
		"log_line_prefix":            "%m [%p] %q%u@%d ",
		"log_checkpoints":            "off",
		"timezone":                   "UTC",
		"log_timezone":               "UTC",
		"dynamic_shared_memory_type": "posix",
	}
	if o.Replication {
		settings["wal_level"] = "replica"
		settings["max_wal_senders"] = "8"
		settings["wal_keep_size"] = "64MB"
		// What its walreceiver calls itself, which synchronous_standby_names names.
		settings["cluster_name"] = standbyName(port)
		// A replica that has lost its primary looks for it again soon, and is promoted as soon: the default is 5s.
		settings["wal_retrieve_retry_interval"] = "100ms"
		// Both are what pg_rewind needs.
		settings["wal_log_hints"] = "on"
		settings["full_page_writes"] = "on"
		// Otherwise a commit is acknowledged before it is written, and CaughtUp would not wait for it.
		settings["synchronous_commit"] = "on"
	}
	for name, value := range o.Settings {
		settings[name] = value
	}
	var b strings.Builder
	for name, value := range settings {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(value, "'", "''"))
	}
	return b.String()
}

// hba is the text of pg_hba.conf.
func (o Options) hba() string {
	lines := []string{
		"local all postgres trust",
		"local replication all trust",
		"host replication all 127.0.0.1/32 trust",
	}
	lines = append(lines, o.HBA...)
	method := or(o.Auth, "trust")
	lines = append(lines, "local all all "+method, "host all all 127.0.0.1/32 "+method)
	return strings.Join(lines, "\n") + "\n"
}

// statements is the SQL that makes roles and databases.
func (o Options) statements() []string {
	var list []string
	owner := ""
	for _, r := range o.Roles {
		if owner == "" {
			owner = " OWNER " + quoteIdentifier(r.Name)
		}
		kind := "NOSUPERUSER"
		if r.Superuser {
			kind = "SUPERUSER"
		}
		list = append(list, fmt.Sprintf("CREATE ROLE %s LOGIN %s PASSWORD '%s'", quoteIdentifier(r.Name), kind,
			strings.ReplaceAll(r.Password, "'", "''")))
	}
	for _, name := range o.Databases {
		list = append(list, "CREATE DATABASE "+quoteIdentifier(name)+owner+" STRATEGY wal_log")
	}
	return list
}

func quoteIdentifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// or is the value, or the default if it is zero.
func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
