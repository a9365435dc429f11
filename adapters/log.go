package adapters

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// buildLog is where the log goes, and how much of it there is.
func (a *adaptation) buildLog() error {
	file, verbose := a.value("logfile"), a.value("verbose")
	level, err := verbose.number()
	if err != nil {
		return err
	}
	if file.text == "" && level <= 0 {
		return nil
	}
	log := new(caddy.CustomLog)
	if file.text != "" {
		log.WriterRaw = caddyconfig.JSON(map[string]string{"output": "file", "filename": escaped(absolute(file.text))}, &a.warnings)
	}
	if level > 0 {
		log.Level = "DEBUG"
	}
	a.out.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": log}}
	return nil
}

// buildAdmin keeps passwords that stand in the file out of the copy of the configuration that Caddy saves.
func (a *adaptation) buildAdmin() error {
	for _, d := range a.databases {
		if v, ok := d.keys["password"]; ok {
			a.out.Admin = unsaved()
			a.warn(v.at, v.name, "stands in the file: Caddy saves no copy of this configuration (persist_config off), but shows it to those who reach its admin "+
				"endpoint; without it, the password is that of auth_file")
			return nil
		}
	}
	return nil
}

// unsaved is Caddy's admin endpoint where no copy of the configuration is saved.
func unsaved() *caddy.AdminConfig {
	return &caddy.AdminConfig{Config: &caddy.ConfigSettings{Persist: new(bool)}}
}
