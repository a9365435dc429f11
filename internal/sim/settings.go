package sim

import (
	"maps"
	"slices"
	"strings"
)

// setting is a parameter and its value.
type setting struct{ name, value string }

// reportedNames is the settings that are told when they change, by their names in small letters.
var reportedNames = map[string]string{
	"application_name": "application_name", "client_encoding": "client_encoding", "datestyle": "DateStyle",
	"in_hot_standby": "in_hot_standby", "search_path": "search_path", "server_version": "server_version",
	"session_authorization": "session_authorization", "standard_conforming_strings": "standard_conforming_strings",
	"timezone": "TimeZone",
}

// reportedOrder is the order in which they are told.
var reportedOrder = slices.Sorted(maps.Keys(reportedNames))

// Defaults is what a session begins with.
func Defaults() map[string]string {
	return map[string]string{
		"application_name": "", "client_encoding": "UTF8", "datestyle": "ISO, MDY", "in_hot_standby": "off",
		"search_path": `"$user", public`, "server_version": "18.0", "standard_conforming_strings": "on",
		"timezone": "UTC", "work_mem": "4MB", "statement_timeout": "0", "app.tenant": "", "role": "none",
		"session_authorization": "",
	}
}

// identities is the settings that RESET ALL leaves alone.
var identities = map[string]bool{"role": true, "session_authorization": true}

// canonical is a value as Postgres shows it; false if it does not take it.
func canonical(name, value string) (string, bool) {
	value = strings.Trim(value, "@") // of a tag: what the pooler says of its own has none
	switch {
	case value == "bad":
		return "", false
	case name == "standard_conforming_strings" && value != "off":
		return "on", true
	case value == "65536kB": // of any setting
		return "64MB", true
	case name == "datestyle":
		return strings.ToUpper(value), true
	}
	return value, true
}

// parseSetting reads SET and RESET.
func (s *statement) parseSetting(sql string, words []string) {
	s.verb = sets
	if strings.EqualFold(words[0], "RESET") {
		s.verb = resets
	}
	at := 1
	if len(words) > 1 && strings.EqualFold(words[1], "LOCAL") {
		s.verb, at = setsLocal, 2
	}
	if len(words) > 3 && strings.EqualFold(words[1], "SESSION") && words[3] == "=" {
		at = 2 // a word that says nothing
	}
	rest := strings.ToUpper(strings.Join(words[at:], " "))
	switch {
	case rest == "ALL":
		s.verb = resetsAll
	case strings.HasPrefix(rest, "SESSION AUTHORIZATION"):
		s.name = "session_authorization"
	case strings.HasPrefix(rest, "TIME ZONE"):
		s.name = "timezone"
	default:
		s.name = strings.ToLower(strings.ReplaceAll(words[at], `"`, ""))
	}
	switch {
	case s.verb == resets, strings.HasSuffix(rest, " DEFAULT"):
		s.verb, s.value = resets, strings.ToUpper(words[0])
	case s.name == "role" && strings.HasSuffix(rest, " NONE"):
		s.value = "none"
	default:
		s.value = literal(sql)
	}
}

// parseSetConfig reads a query with calls of set_config. A parameter may bring the value, or name and value.
func (s *statement) parseSetConfig(sql string) {
	s.verb, s.local = setsConfig, strings.Contains(strings.ReplaceAll(sql, " ", ""), ",true)")
	quoted := literals(sql)
	switch s.params = strings.Count(sql, "$"); s.params {
	case 0:
		for ; len(quoted) > 1; quoted = quoted[2:] {
			s.given = append(s.given, setting{strings.ToLower(quoted[0]), quoted[1]})
		}
	case 1:
		s.given = []setting{{strings.ToLower(quoted[0]), ""}}
	default:
		s.given = []setting{{}}
	}
}

// bound is what the calls of set_config are about, with the parameters.
func (s *statement) bound(args []string) []setting {
	switch len(args) {
	case 0:
		return s.given
	case 1:
		return []setting{{s.given[0].name, args[0]}}
	}
	return []setting{{strings.ToLower(args[0]), args[1]}}
}

// runSetting runs the statements about settings.
func (s *Session) runSetting(st *statement, args []string, extended bool) *failure {
	if st.verb != resetsAll && st.verb != setsConfig {
		if err := s.known(st.name); err != nil {
			return err
		}
	}
	switch st.verb {
	case sets, setsLocal:
		if st.verb == setsLocal && s.tx == 'I' {
			s.warn("25P01", "SET LOCAL can only be used in transaction blocks")
		}
		if err := s.give(setting{st.name, st.value}, st.verb == setsLocal); err != nil {
			return err
		}
		s.say('C', "SET")
	case setsConfig:
		var columns [][]byte
		for _, q := range st.bound(args) {
			if err := s.give(q, st.local); err != nil {
				return err
			}
			columns = append(columns, []byte(s.setting(q.name)))
		}
		if !extended {
			s.describeRows(st)
		}
		s.row(columns...)
		s.say('C', selectTag(1))
	case shows:
		s.answer(st, [][]byte{[]byte(st.tag + "=" + s.setting(st.name))}, extended)
	case resets:
		s.reset(st.name)
		s.say('C', st.value)
	case resetsAll:
		s.resetAll()
		s.say('C', "RESET")
	}
	return nil
}

func (s *Session) known(name string) *failure {
	if _, known := s.initial[name]; !known {
		return &failure{"42704", `unrecognized configuration parameter "` + name + `"`}
	}
	return nil
}

// give gives a setting a value, for the session or for the transaction.
func (s *Session) give(q setting, local bool) *failure {
	if err := s.known(q.name); err != nil {
		return err
	}
	value, ok := canonical(q.name, q.value)
	if !ok {
		return &failure{"22023", `invalid value for parameter "` + q.name + `": "` + q.value + `"`}
	}
	if local {
		s.now.local[q.name] = value
		return nil
	}
	s.set(q.name, value, "session")
	return nil
}

// set sets a setting for the session. Whoever becomes another takes no role with him.
func (s *Session) set(name, value, source string) {
	s.now.settings[name] = value
	delete(s.now.local, name)
	delete(s.now.changed, name)
	if source != "" {
		s.now.changed[name] = true
	}
	if name == "session_authorization" {
		s.set("role", "none", "")
	}
}

func (s *Session) reset(name string) { s.set(name, s.initial[name], "") }

func (s *Session) resetAll() {
	for name := range s.initial {
		if !identities[name] {
			s.reset(name)
		}
	}
}
