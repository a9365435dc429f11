package login

import (
	"fmt"
	"strings"
)

// The letters that Postgres takes in options (process_postgres_switches), the same in 15 and in 18: those with an
// argument, and those without.
const (
	withArgument    = "BCDNSWcdfhkprtv-"
	withoutArgument = "EFObPeijlnsT"
)

// ignored is the letters that mean nothing to a server that serves a client.
const ignored = "bCDEjnrTv"

// settingNamed is the setting that a letter gives its argument, and settingTurned the one that it turns on, off, or to another
// value. Those that only a superuser may set, or nobody without a restart, Postgres refuses.
var (
	settingNamed = map[byte]string{
		'B': "shared_buffers", 'h': "listen_addresses", 'k': "unix_socket_directories", 'N': "max_connections", 'p': "port",
		'S': "work_mem",
	}
	settingTurned = map[byte]Setting{
		'e': {"datestyle", "euro"}, 'F': {"fsync", "false"}, 'i': {"listen_addresses", "*"}, 'l': {"ssl", "true"},
		'O': {"allow_system_table_mods", "true"}, 's': {"log_statement_stats", "true"},
	}
	// planDisabled is what -f turns off, by the first letter of its argument.
	planDisabled = map[byte]string{
		's': "enable_seqscan", 'i': "enable_indexscan", 'o': "enable_indexonlyscan", 'b': "enable_bitmapscan",
		't': "enable_tidscan", 'n': "enable_nestloop", 'm': "enable_mergejoin", 'h': "enable_hashjoin",
	}
	// atBeginning is the settings that Postgres takes only while a connection begins.
	atBeginning = map[byte]string{'P': "ignore_system_indexes", 'W': "post_auth_delay"}
)

// settingsOf is the settings that a switch stands for.
func (r *switchReader) settingsOf(letter byte, argument string) ([]Setting, *Refusal) {
	one := func(s Setting, refusal *Refusal) ([]Setting, *Refusal) { return []Setting{s}, refusal }
	switch letter {
	case 'c':
		return one(assignment("-c ", argument))
	case '-':
		return one(assignment("--", argument))
	case 'd':
		return debugging(argument), nil
	case 'f':
		if name := planDisabled[firstByte(argument)]; name != "" {
			return []Setting{{name, "false"}}, nil
		}
		return nil, r.bad()
	case 't':
		if name := statistics(argument); name != "" {
			return []Setting{{name, "true"}}, nil
		}
		return nil, r.bad()
	}
	if strings.IndexByte(ignored, letter) >= 0 {
		return nil, nil
	}
	if name := settingNamed[letter]; name != "" {
		return []Setting{{name, argument}}, nil
	}
	if s, ok := settingTurned[letter]; ok {
		return []Setting{s}, nil
	}
	return nil, &Refusal{
		SQLState: featureNotSupported,
		Message:  fmt.Sprintf("switch \"-%c\" in startup parameter \"options\" is not supported by this pool", letter),
		Detail:   fmt.Sprintf("Postgres takes %s only while a connection begins, and the pool's have begun.", atBeginning[letter]),
		Hint:     "Leave it out, or set it for the role with ALTER ROLE … SET.",
	}
}

func firstByte(text string) byte {
	if text == "" {
		return 0
	}
	return text[0]
}

// statistics is the setting that -t turns on.
func statistics(argument string) string {
	switch {
	case strings.HasPrefix(argument, "pa"):
		return "log_parser_stats"
	case strings.HasPrefix(argument, "pl"):
		return "log_planner_stats"
	case strings.HasPrefix(argument, "e"):
		return "log_executor_stats"
	}
	return ""
}

// debugging is the settings of -d and a level, which is read as C's atoi does.
func debugging(level string) []Setting {
	n := leadingNumber(level)
	if n <= 0 {
		return []Setting{{"log_min_messages", "notice"}}
	}
	settings := []Setting{{"log_min_messages", fmt.Sprint("debug", n)}}
	for i, s := range [...]Setting{
		{"log_statement", "all"}, {"debug_print_parse", "true"}, {"debug_print_plan", "true"}, {"debug_print_rewritten", "true"},
	} {
		if n >= i+2 {
			settings = append(settings, s)
		}
	}
	return settings
}

// leadingNumber is the number that a text begins with, 0 if it does not; it is at most a million.
func leadingNumber(text string) (n int) {
	text = strings.TrimPrefix(strings.TrimLeft(text, " \t\n\v\f\r"), "+")
	for i := 0; i < len(text) && '0' <= text[i] && text[i] <= '9' && n < 100_000; i++ {
		n = 10*n + int(text[i]-'0')
	}
	return n
}
