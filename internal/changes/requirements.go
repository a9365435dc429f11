package changes

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/login"
)

// oldestVersion is the oldest that is asked: before it, the catalog tells of publications otherwise.
const oldestVersion = 15

// settings make names the same everywhere, whatever the role's own settings are.
const settings = "SET client_encoding = 'UTF8'; SET search_path = pg_catalog; SET standard_conforming_strings = on; SET statement_timeout = 0; " +
	"SET idle_session_timeout = 0"

// requirements asks for what there must be, each with a cure where it is not there.
func requirements(publication string) string {
	return "SELECT current_setting('server_version_num'), pg_is_in_recovery(), current_setting('wal_level'), current_database(), " +
		"pubname IS NOT NULL, pubinsert AND pubupdate AND pubdelete AND pubtruncate " +
		"FROM (SELECT) AS nothing LEFT JOIN pg_publication ON pubname = " + literal(publication)
}

// missing is what is wrong with the answer.
func missing(publication string, rows [][]string) error {
	if len(rows) != 1 || len(rows[0]) != 6 {
		return errors.New("the server does not answer what it is: is it Postgres?")
	}
	a := rows[0]
	version, err := strconv.Atoi(a[0])
	switch {
	case err != nil:
		return fmt.Errorf("reading the server's version: %w", err)
	case version/10000 < oldestVersion:
		return fmt.Errorf("changes of Postgres %d cannot be followed: %d is the oldest", version/10000, oldestVersion)
	case a[1] == "t":
		return errors.New("the server is a standby: the primary's changes are followed")
	case a[2] != "logical":
		return fmt.Errorf("wal_level is %s: set wal_level = logical in postgresql.conf, and restart Postgres", a[2])
	case a[4] != "t":
		return fmt.Errorf("there is no publication %q in database %q: CREATE PUBLICATION %s FOR TABLE …, or FOR ALL TABLES where all "+
			"have a primary key or another replica identity", publication, a[3], identifier(publication))
	case a[5] != "t":
		return fmt.Errorf("publication %q leaves changes out: ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate')",
			publication, identifier(publication))
	}
	return nil
}

// The SQLSTATEs that have a cure.
const (
	insufficientPrivilege = "42501"
	tooManyConnections    = "53300"
	configurationLimit    = "53400"
)

// cure adds what helps against what the server says when a stream is begun.
func cure(err error) error {
	switch sqlState(err) {
	case insufficientPrivilege:
		return fmt.Errorf("%w: ALTER ROLE … REPLICATION for whom we log in as, or name another user", err)
	case tooManyConnections:
		return fmt.Errorf("%w: raise max_wal_senders, by one for each database that is followed, or max_connections", err)
	case configurationLimit:
		return fmt.Errorf("%w: raise max_replication_slots, by one for each database that is followed", err)
	}
	return err
}

// cureSlot is cure for a slot, which waits for others.
func cureSlot(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w after %v: end the transactions that have been open in the database for longer, also prepared ones "+
			"(pg_prepared_xacts)", err, maxSlotWait)
	}
	return cure(err)
}

// sqlState is what the server has said, at login or since.
func sqlState(err error) string {
	var since *serverError
	var login *login.ServerError
	switch {
	case errors.As(err, &since):
		return since.code
	case errors.As(err, &login):
		return login.SQLState
	}
	return ""
}

// literal is a string in SQL, with standard_conforming_strings on, and in the commands of replication.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// identifier is a name in SQL.
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
