package load

import "fmt"

// The settings that follow clients, by their kind: "two" is those that PgBouncer lets follow its clients, too; "five" is what
// applications like to set.
var settings = map[string][]string{
	"two":  {"application_name", "TimeZone"},
	"five": {"application_name", "TimeZone", "statement_timeout", "work_mem", "search_path"},
	"set":  {"application_name"},
}

// MaxGroups bounds the groups of clients whose settings differ.
const MaxGroups = 256

// WithSettings is a mode in which clients ask for a setting, and must be told what they have set. What they have set is that
// of their group; of groups, each has other values. The kinds:
//
//	none   nothing is set
//	two    two settings come with the startup message
//	five   five are SET once, after login
//	set    application_name is SET before every query, each time to the value of the next group
//	local  BEGIN, SET LOCAL of search_path, query and COMMIT
//
// Each word of the last two waits for the answer to the one before.
func WithSettings(kind string, groups int) (Mode, error) {
	if groups < 1 || groups > MaxGroups {
		return Mode{}, fmt.Errorf("%d groups of clients: take 1 to %d", groups, MaxGroups)
	}
	m := Mode{Name: nameOf(kind, groups), Settings: settings[kind], Differs: groups > 1 && kind != "local"}
	for g := range groups {
		s, err := scriptOf(kind, g, groups)
		if err != nil {
			return Mode{}, err
		}
		m.scripts = append(m.scripts, s)
	}
	return m, nil
}

// scriptOf is what clients of a group say.
func scriptOf(kind string, group, groups int) (s script, err error) {
	switch kind {
	case "none":
		s.units = []unit{{ask("application_name", oneRow)}}
	case "two":
		for _, name := range settings[kind] {
			s.startup = append(s.startup, name, valueOf(name, group))
		}
		s.units = []unit{{askAs(group, "application_name", 'I')}}
	case "five":
		for _, name := range settings[kind] {
			s.setup = append(s.setup, set("SET", name, group, 'I'))
		}
		s.units = []unit{{askAs(group, "search_path", 'I')}}
	case "set":
		s.startup = []string{"application_name", valueOf("application_name", group)}
		for i := range groups {
			next := (group + 1 + i) % groups
			s.units = append(s.units, unit{set("SET", "application_name", next, 'I'), askAs(next, "application_name", 'I')})
		}
	case "local":
		s.units = []unit{{query("BEGIN", inside), set("SET LOCAL", "search_path", group, 'T'), askAs(group, "search_path", 'T'), query("COMMIT", done)}}
	default:
		return s, fmt.Errorf("unknown kind of settings %q: take none, two, five, set or local", kind)
	}
	return s, nil
}

// set sets a setting to what a group has.
func set(command, name string, group int, status byte) step {
	return query(fmt.Sprintf("%s %s = '%s'", command, name, valueOf(name, group)), reply{0, status, ""})
}

// askAs asks for a setting, and must be told what a group has set.
func askAs(group int, name string, status byte) step {
	return ask(name, reply{1, status, valueOf(name, group)})
}

// ask asks for a setting.
func ask(name string, r reply) step { return query("SELECT current_setting('"+name+"')", r) }

// nameOf is what tables call a kind.
func nameOf(kind string, groups int) string {
	switch kind {
	case "two", "five":
		if groups == 1 {
			return kind + ", all alike"
		}
		return fmt.Sprintf("%s, %d groups", kind, groups)
	case "set":
		return "SET, query"
	case "local":
		return "BEGIN, SET LOCAL, query, COMMIT"
	}
	return kind
}

// valueOf is what a group has set, as Postgres writes it.
func valueOf(name string, group int) string {
	switch name {
	case "TimeZone":
		return fmt.Sprintf("Etc/GMT%+d", 1+group%12)
	case "statement_timeout":
		return fmt.Sprintf("%dms", 100_001+2*group)
	case "work_mem":
		return fmt.Sprintf("%dkB", 8193+2*group)
	case "search_path":
		return fmt.Sprintf("tenant_%d", group)
	}
	return fmt.Sprintf("group %d", group)
}
