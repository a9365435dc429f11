package adapters

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
)

// setting is a row of the table: one setting of PgBouncer 1.25, or a newer one, and what it is here.
type setting struct {
	name string
	// standard is what PgBouncer takes where nothing is written; it is said in the adapted configuration where ours is another.
	standard string
	// here is what it is here, for the documentation, and for the warning where it is not mapped.
	here string
	kind kind
	// pool and app put the value into the configuration; nil, both: something else does.
	pool func(*config.Pool, value) error
	app  func(*config.App, value) error
	// quiet is values, besides the standard, that need no warning, because they ask for what is done anyway.
	quiet []string
}

// asks reports whether a value asks for something that is not there: the default does not, and neither do the quiet ones.
func (s *setting) asks(text string) bool {
	if s.kind != missing {
		return false
	}
	text = strings.ToLower(strings.ReplaceAll(text, " ", ""))
	return text != strings.ToLower(s.standard) && !slices.Contains(s.quiet, text)
}

// kind is what becomes of a setting.
type kind uint8

const (
	// mapped settings are said in the adapted configuration.
	mapped kind = iota
	// covered ones ask for something that is so here in any case, or for less than that.
	covered
	// missing ones have nothing like them here; a warning says so, and what is done instead.
	missing
)

// group is a table of the documentation.
type group struct {
	title string
	rows  []setting
	note  string // behind the table
}

// groups is every setting of [pgbouncer].
var groups = []group{
	{"General", generalSettings, "`pinning` and `max_pinned_servers` have nothing like them there: state that cannot follow its client is lost, or left to others."},
	{"Sizes", sizeSettings, "`max_address_client_connections`, `max_waiting_clients` and `priority` have nothing like them there."},
	{"Logins", loginSettings, ""},
	{"TLS", tlsSettings, "Changed settings apply to new connections; PgBouncer closes the old ones, and here `server_lifetime` does. SCRAM-SHA-256-PLUS is spoken here."},
	{"Timeouts", timeoutSettings, ""},
	{"Servers", serverSettings, ""},
	{"Log and console", logSettings, ""},
	{"Network", networkSettings, ""},
}

// others is the tables of the other sections.
var others = []group{
	{"`[databases]`", databaseKeys, ""},
	{"`[users]`", userKeys, "By user there are `max_user_client_connections`, the same for all of a pool, and `priority`."},
	{"`[peers]`", peerKeys, ""},
}

// allSettings is the rows of all groups, and settingsByName finds them.
var (
	allSettings    = rowsOf(groups)
	settingsByName = byName(allSettings)
)

func rowsOf(groups []group) (rows []setting) {
	for _, g := range groups {
		rows = append(rows, g.rows...)
	}
	return rows
}

func byName(rows []setting) map[string]*setting {
	named := make(map[string]*setting, len(rows))
	for i := range rows {
		named[rows[i].name] = &rows[i]
	}
	return named
}

// find returns the row of a name; nil if there is none.
func find(rows []setting, name string) *setting {
	if i := slices.IndexFunc(rows, func(s setting) bool { return s.name == name }); i >= 0 {
		return &rows[i]
	}
	return nil
}

func names(rows []setting) (out []string) {
	for _, s := range rows {
		out = append(out, s.name)
	}
	return out
}

// forPool is a row whose value goes into each pool; forApp, into the app.
func forPool(name, standard, here string, put func(*config.Pool, value) error) setting {
	return setting{name: name, standard: standard, here: here, pool: put}
}

func forApp(name, standard, here string, put func(*config.App, value) error) setting {
	return setting{name: name, standard: standard, here: here, app: put}
}

// together is a row that means something beside others, which are looked at together.
func together(name, standard, here string) setting {
	return setting{name: name, standard: standard, here: here}
}

func isCovered(name, standard, here string) setting {
	return setting{name: name, standard: standard, here: here, kind: covered}
}

func isMissing(name, standard, here string, quiet ...string) setting {
	return setting{name: name, standard: standard, here: here, kind: missing, quiet: quiet}
}

// count puts a number that is not negative into a field; seconds, a time.
func count[T any](field func(*T) **int) func(*T, value) error {
	return func(into *T, v value) (err error) {
		*field(into), err = v.count()
		return err
	}
}

func seconds[T any](field func(*T) **caddy.Duration) func(*T, value) error {
	return func(into *T, v value) (err error) {
		*field(into), err = v.seconds()
		return err
	}
}

// secondsOr is seconds where 0 does not mean here what it means there, but this time does.
func secondsOr[T any](zero caddy.Duration, field func(*T) **caddy.Duration) func(*T, value) error {
	return func(into *T, v value) (err error) {
		if *field(into), err = v.seconds(); err == nil && **field(into) == 0 {
			*field(into) = &zero
		}
		return err
	}
}
