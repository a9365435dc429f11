package engine

import (
	"encoding/binary"
	"regexp"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// rigSession is what a scripted Postgres keeps for its session: settings by name, and whether it has temporary tables. It
// knows nothing of transactions.
type rigSession struct {
	settings map[string]string
	temp     bool
	// own is what nobody can ask for: a setting of one's own, and a seed.
	own string
	// listening: it listens to something.
	listening bool
	// told is what it has reported since its login.
	told map[string]string
}

var (
	setsOne  = regexp.MustCompile(`^set (\S+) = (.*)$`)
	setsMany = regexp.MustCompile(`set_config\( E'([^']*)', E'([^']*)',false\)`)
	resets   = regexp.MustCompile(`RESET "([^"]*)";`)
	asksFor  = regexp.MustCompile(`SELECT  E'([^']*)',pg_catalog.current_setting`)
)

// change does what a text does to the session, and returns the tag.
func (s *rigSession) change(text string) (tag string, ok bool) {
	if s.settings == nil {
		s.settings = map[string]string{}
	}
	text, _, _ = strings.Cut(text, ";SELECT CASE") // what checks settings of the pooler's own
	switch m := setsOne.FindStringSubmatch(text); {
	case m != nil:
		s.settings[m[1]] = m[2]
		return "SET", true
	case strings.HasPrefix(text, "set "):
		return "SET", true
	case strings.HasPrefix(text, "RESET"), strings.HasPrefix(text, "SELECT pg_catalog"):
		if strings.Contains(text, "RESET ALL;") {
			clear(s.settings)
			s.own = ""
		}
		for _, m := range resets.FindAllStringSubmatch(text, -1) {
			delete(s.settings, m[1])
		}
		for _, m := range setsMany.FindAllStringSubmatch(text, -1) {
			s.settings[m[1]] = m[2]
		}
		return "SET", true
	case strings.Contains(text, "sets()"):
		s.settings["work_mem"] = "7MB"
		return "SELECT 1", true
	case strings.Contains(text, "hides()"):
		s.own = "hidden"
		return "SELECT 1", true
	case strings.Contains(text, "temps()"):
		s.temp = true
		return "SELECT 1", true
	case strings.HasPrefix(text, "create temp"):
		s.temp = true
		return "CREATE TABLE", true
	case strings.HasPrefix(text, "drop table"):
		s.temp = false
		return "DROP TABLE", true
	case text == "DISCARD SEQUENCES":
		return text, true
	case text == "DISCARD ALL":
		*s = rigSession{}
		return "DISCARD ALL", true
	}
	return "", false
}

// reports is the ParameterStatus messages for what has changed of that which is reported at login.
func (s *rigSession) reports(params []Setting) (out []byte) {
	if s.told == nil {
		s.told = map[string]string{}
	}
	for _, q := range params {
		now, set := s.settings[strings.ToLower(q.Name)]
		if !set {
			now = q.Value
		}
		told, ok := s.told[q.Name]
		if ok && told == now || !ok && q.Value == now {
			continue
		}
		s.told[q.Name] = now
		out = append(out, frame(pgwire.ParameterStatus, q.Name, "\x00", now, "\x00")...)
	}
	return out
}

// answer is the rows that answer the engine's question about the session; nil if this is not it.
func (s *rigSession) answer(text string) (rows [][]byte) {
	if !strings.HasPrefix(text, "SELECT ''") {
		return nil
	}
	first := []string{""}
	statements := strings.Split(text, ";")
	for _, q := range strings.Split(statements[0], "EXISTS")[1:] {
		there := "f"
		if s.temp && strings.Contains(q, "pg_my_temp_schema") || s.listening && strings.Contains(q, "pg_listening_channels") {
			there = "t"
		}
		first = append(first, there)
	}
	rows = append(rows, dataRow(first...))
	for _, m := range asksFor.FindAllStringSubmatch(text, -1) {
		rows = append(rows, dataRow(m[1], s.settings[m[1]]))
	}
	if strings.Contains(text, "SET pgmux.causal_token TO ''") {
		delete(s.settings, "pgmux.causal_token")
	}
	if strings.Contains(text, "pg_settings") {
		for name, value := range s.settings {
			rows = append(rows, dataRow(name, value))
		}
	}
	return rows
}

// dataRow is a DataRow of texts.
func dataRow(columns ...string) []byte {
	body := binary.BigEndian.AppendUint16(nil, uint16(len(columns)))
	for _, c := range columns {
		body = binary.BigEndian.AppendUint32(body, uint32(len(c)))
		body = append(body, c...)
	}
	return frame(pgwire.DataRow, string(body))
}
