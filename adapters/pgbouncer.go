package adapters

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/pgmux/caddy-pgmux/config"
)

func init() {
	caddyconfig.RegisterAdapter("pgbouncer", PgBouncer{})
}

// PgBouncer adapts a pgbouncer.ini. Each line of [databases] becomes a pool of its own.
type PgBouncer struct{}

// Adapt implements caddyconfig.Adapter. The option `filename` is what warnings and errors call the file.
func (PgBouncer) Adapt(body []byte, options map[string]any) ([]byte, []caddyconfig.Warning, error) {
	name := fileName(options, "pgbouncer.ini")
	a := newAdaptation(name)
	entries, err := readINI(name, body)
	if err != nil {
		return nil, nil, err
	}
	for _, step := range []func() error{func() error { return a.take(entries) }, a.build, a.check} {
		if err := step(); err != nil {
			return nil, a.warnings, err
		}
	}
	out, err := a.json()
	return out, a.warnings, err
}

func fileName(options map[string]any, otherwise string) string {
	if name, _ := options["filename"].(string); name != "" && name != "-" {
		return name
	}
	return otherwise
}

// adaptation is one file on its way.
type adaptation struct {
	file      string
	written   map[string]value // what [pgbouncer] says
	order     []string         // of what it says
	databases []*database
	places    map[string]int // of the databases among them, by name
	users     []entry
	peers     []entry

	app          *config.App
	out          *caddy.Config
	warnings     []caddyconfig.Warning
	said         map[caddyconfig.Warning]bool // the same
	certificates map[string]string            // what Caddy's TLS app loads: certificate and key
}

func newAdaptation(file string) *adaptation {
	return &adaptation{
		file: file, written: map[string]value{}, places: map[string]int{}, said: map[caddyconfig.Warning]bool{},
		app: new(config.App), out: new(caddy.Config), certificates: map[string]string{},
	}
}

var sections = []string{"pgbouncer", "databases", "users", "peers"}

// take sorts what the file says by its sections.
func (a *adaptation) take(entries []entry) error {
	for _, e := range entries {
		if err := a.takeOne(e); err != nil {
			return err
		}
	}
	return nil
}

func (a *adaptation) takeOne(e entry) error {
	switch {
	case !slices.Contains(sections, e.section):
		return e.at.errorf("there is no section [%s]; there are [%s]%s", e.section, strings.Join(sections, "], ["), didYouMean(e.section, sections))
	case e.begins && e.section == "pgbouncer":
		a.begin(e)
	case e.begins:
	case e.section == "pgbouncer":
		return a.set(e)
	case e.section == "databases":
		return a.addDatabase(e)
	case e.section == "users":
		a.users = append(a.users, e)
	default:
		a.peers = append(a.peers, e)
	}
	return nil
}

// withoutDefault is the settings that have none in PgBouncer, not even an empty one.
var withoutDefault = []string{"auth_dbname", "auth_file", "auth_ident_file", "auth_ldap_options", "auth_user", "client_tls13_ciphers", "conffile",
	"server_tls13_ciphers", "user", "verbose"}

// begin: where [pgbouncer] begins, PgBouncer sets to its default what has one, also if the section begins again.
func (a *adaptation) begin(e entry) {
	before := a.order
	a.order = nil
	for _, name := range before {
		if slices.Contains(withoutDefault, name) {
			a.order = append(a.order, name)
		} else {
			delete(a.written, name)
		}
	}
	if len(a.order) < len(before) {
		a.warn(e.at, "[pgbouncer]", "begins a second time: what stands below the first one does not count, as in PgBouncer%s", stillCount(a.order))
	}
}

func stillCount(names []string) string {
	if names == nil {
		return ""
	}
	return ", but for " + strings.Join(names, ", ")
}

func (a *adaptation) set(e entry) error {
	if settingsByName[e.key] == nil {
		return e.at.errorf("PgBouncer 1.25 has no setting %s%s", e.key, didYouMean(e.key, names(allSettings)))
	}
	if _, twice := a.written[e.key]; !twice {
		a.order = append(a.order, e.key)
	}
	a.written[e.key] = value{name: e.key, text: e.value, at: e.at, written: true}
	return nil
}

// value is what a setting is, written or not.
func (a *adaptation) value(name string) value {
	if v, ok := a.written[name]; ok {
		return v
	}
	row := settingsByName[name]
	if row == nil {
		panic("bug: adapters: no setting " + name)
	}
	return value{name: name, text: row.standard, at: position{file: a.file}}
}

// build makes the configuration.
func (a *adaptation) build() error {
	a.warnOfMissing()
	for _, step := range []func() error{a.buildApp, a.buildPools, a.lookAtUsers, a.lookAtPeers, a.buildConsole, a.buildLog, a.buildAdmin} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// warnOfMissing names what is written and has nothing like it here.
func (a *adaptation) warnOfMissing() {
	for _, name := range a.order {
		if row, v := settingsByName[name], a.written[name]; row.asks(v.text) {
			a.warn(v.at, name, "%s", row.here)
		}
	}
}

func (a *adaptation) buildApp() error {
	for _, row := range allSettings {
		if v := a.value(row.name); row.app != nil {
			if err := row.app(a.app, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *adaptation) warn(at position, directive, format string, args ...any) {
	w := caddyconfig.Warning{File: at.file, Line: at.line, Directive: directive, Message: fmt.Sprintf(format, args...)}
	if !a.said[w] { // what is said of all databases is said once
		a.warnings = append(a.warnings, w)
	}
	a.said[w] = true
}

// check finds what cannot work here though PgBouncer would take it.
func (a *adaptation) check() error {
	if err := config.Check(a.app); err != nil {
		return fmt.Errorf("what the file says cannot work here: %w", err)
	}
	return nil
}

// json is the configuration of Caddy.
func (a *adaptation) json() ([]byte, error) {
	a.out.AppsRaw = caddy.ModuleMap{"postgres": caddyconfig.JSON(a.app, &a.warnings)}
	if tls := a.loadedCertificates(); tls != nil {
		a.out.AppsRaw["tls"] = caddyconfig.JSON(tls, &a.warnings)
	}
	return json.Marshal(a.out)
}

// didYouMean is the end of an error about a name that is none.
func didYouMean(name string, names []string) string {
	if near := config.Nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return ""
}

// Interface guards
var _ caddyconfig.Adapter = PgBouncer{}
