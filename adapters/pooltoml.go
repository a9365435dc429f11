package adapters

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/pgmux/caddy-pgmux/config"
)

func init() {
	caddyconfig.RegisterAdapter("pool-toml", PoolTOML{})
}

// PoolTOML adapts a file with one pool, for all databases of its backends:
//
//	[pool]
//	backends = ["10.0.0.1:5432", "10.0.0.2:5432"]  # or one string, with commas. Required
//	bind = "127.0.0.1:6432"                        # or a list. Default: :6432
//	max_client_connections = 10000
//	max_server_connections = 100                   # of each backend
//	routing = "least_conn"                         # an lb_policy
//	cache_ttl_ms = 5000                            # 0: nothing is cached
//	pool_mode = "transaction"
//
// With several backends, writes go to the primary, which is found out, and transactions that only read to any, as routing picks.
//
// Who may log in is no part of such files; it may be said by
//
//	users_file = "/etc/pgbouncer/userlist.txt"
//	user = "app"                                   # and the password
//	password = "{env.APP_PASSWORD}"
//	auth = "scram-sha-256"                         # or md5, plain, trust
//
// and where it is not, see poolAuth.
type PoolTOML struct{}

// poolFile is such a file.
type poolFile struct {
	Pool struct {
		Backends             texts   `toml:"backends"`
		Bind                 texts   `toml:"bind"`
		MaxClientConnections *int    `toml:"max_client_connections"`
		MaxServerConnections *int    `toml:"max_server_connections"`
		Routing              string  `toml:"routing"`
		CacheTTL             float64 `toml:"cache_ttl_ms"`
		PoolMode             string  `toml:"pool_mode"`
		poolLogins
	} `toml:"pool"`
}

// poolLogins is who may log in.
type poolLogins struct {
	UsersFile string `toml:"users_file"`
	User      string `toml:"user"`
	Password  string `toml:"password"`
	Auth      string `toml:"auth"`
}

var poolKeys = []string{"backends", "bind", "max_client_connections", "max_server_connections", "routing", "cache_ttl_ms", "pool_mode",
	"users_file", "user", "password", "auth"}

// texts is a list of strings, or one string with commas.
type texts []string

// UnmarshalTOML implements toml.Unmarshaler.
func (t *texts) UnmarshalTOML(written any) error {
	list, ok := written.([]any)
	if !ok {
		list = []any{written}
	}
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			return fmt.Errorf("%v is no address; write \"host:port\", or a list of such", item)
		}
		*t = append(*t, value{text: text}.list()...)
	}
	return nil
}

// tomlFile is a file on its way.
type tomlFile struct {
	poolFile
	at       position
	text     string
	warnings []caddyconfig.Warning
}

// Adapt implements caddyconfig.Adapter. The option `filename` is what warnings and errors call the file.
func (PoolTOML) Adapt(body []byte, options map[string]any) ([]byte, []caddyconfig.Warning, error) {
	f := &tomlFile{at: position{file: fileName(options, "pool.toml"), line: 1}, text: string(body)}
	if err := f.parse(); err != nil {
		return nil, nil, err
	}
	app, err := f.app()
	if err != nil {
		return nil, f.warnings, err
	}
	if err := config.Check(app); err != nil {
		return nil, f.warnings, fmt.Errorf("what %s says cannot work: %w", f.at.file, err)
	}
	out := &caddy.Config{AppsRaw: caddy.ModuleMap{"postgres": caddyconfig.JSON(app, &f.warnings)}}
	if f.Pool.Password != "" && !config.HasPlaceholder(f.Pool.Password) {
		out.Admin = unsaved()
		f.warn(f.find("password"), "password", "stands in the file, so that Caddy saves no copy of this configuration (persist_config off); write "+
			"a placeholder like {env.PASSWORD}")
	}
	text, err := json.Marshal(out)
	return text, f.warnings, err
}

// parse reads the text. A key that is none is an error in [pool], and does not matter elsewhere.
func (f *tomlFile) parse() error {
	read, err := toml.Decode(f.text, &f.poolFile)
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		return position{f.at.file, syntax.Position.Line}.errorf("%s", syntax.Message)
	} else if err != nil {
		return fmt.Errorf("%s: %w", f.at.file, err)
	}
	for _, key := range read.Undecoded() {
		at := f.find(key[len(key)-1])
		if key[0] == "pool" && len(key) > 1 {
			return at.errorf("[pool] has no key %s%s; there are %s", key[1:], didYouMean(key[1], poolKeys), strings.Join(poolKeys, ", "))
		}
		f.warn(at, key.String(), "stands outside [pool], and does not count")
	}
	if !read.IsDefined("pool") {
		return f.at.errorf("there is no [pool]; write it, with `backends = [\"host:port\"]`")
	}
	return nil
}

// find is where a key stands.
func (f *tomlFile) find(key string) position {
	at := f.at
	for line := range strings.Lines(f.text) {
		if left, _, _ := strings.Cut(line, "="); strings.Trim(left, " \t\r\n[]\"'") == key {
			return at
		}
		at.line++
	}
	return f.at
}

func (f *tomlFile) warn(at position, directive, format string, args ...any) {
	f.warnings = append(f.warnings, caddyconfig.Warning{File: at.file, Line: at.line, Directive: directive, Message: fmt.Sprintf(format, args...)})
}

// Interface guards
var (
	_ caddyconfig.Adapter = PoolTOML{}
	_ toml.Unmarshaler    = (*texts)(nil)
)
