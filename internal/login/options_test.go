package login

import (
	"reflect"
	"testing"
)

func TestOptions(t *testing.T) {
	for options, want := range map[string][]Setting{
		"":                           nil,
		"  \t\n":                     nil,
		"-c a=1":                     {{"a", "1"}},
		"-ca=1":                      {{"a", "1"}},
		"-c\ta=1 -c b=2":             {{"a", "1"}, {"b", "2"}},
		"--a=1":                      {{"a", "1"}},
		"--search-path=x,y":          {{"search_path", "x,y"}},
		"-c search-path=x-y":         {{"search_path", "x-y"}},
		"-c a=":                      {{"a", ""}},
		"-c a=b=c":                   {{"a", "b=c"}},
		`-c a=b\ c`:                  {{"a", "b c"}},
		`-c a=b\\c`:                  {{"a", `b\c`}},
		`-c a=\\\ `:                  {{"a", `\ `}},
		`-c a=b\`:                    {{"a", "b"}},
		`-c\ a=1`:                    {{" a", "1"}},
		`-c a=\b`:                    {{"a", "b"}},
		"-c my.setting='x'":          {{"my.setting", "'x'"}},
		"-c a=1\v--b=2\f--c=3\r ":    {{"a", "1"}, {"b", "2"}, {"c", "3"}},
		"--":                         nil,
		"-e -S 6144 -fs -f n":        {{"datestyle", "euro"}, {"work_mem", "6144"}, {"enable_seqscan", "false"}, {"enable_nestloop", "false"}},
		"-eS6MB -s":                  {{"datestyle", "euro"}, {"work_mem", "6MB"}, {"log_statement_stats", "true"}},
		"-ec a=1 -e-b=2":             {{"datestyle", "euro"}, {"a", "1"}, {"datestyle", "euro"}, {"b", "2"}},
		"-fio":                       {{"enable_indexscan", "false"}},
		"-tpa -t plan -te":           {{"log_parser_stats", "true"}, {"log_planner_stats", "true"}, {"log_executor_stats", "true"}},
		"-d 0":                       {{"log_min_messages", "notice"}},
		"-d-3":                       {{"log_min_messages", "notice"}},
		"-d x":                       {{"log_min_messages", "notice"}},
		"-d 1x":                      {{"log_min_messages", "debug1"}},
		"-d3":                        {{"log_min_messages", "debug3"}, {"log_statement", "all"}, {"debug_print_parse", "true"}},
		"-B 16 -N 1 -F -l -O":        {{"shared_buffers", "16"}, {"max_connections", "1"}, {"fsync", "false"}, {"ssl", "true"}, {"allow_system_table_mods", "true"}},
		"-i -p 1 -h x -k /y":         {{"listen_addresses", "*"}, {"port", "1"}, {"listen_addresses", "x"}, {"unix_socket_directories", "/y"}},
		"-bEjnT -C x -D y -r z -v 3": nil,
	} {
		got, refusal := parseOptions(options)
		if refusal != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v", options, got, refusal)
		}
	}
	for options, want := range map[string]string{
		"a=1": "42601", "-": "42601", "-c": "42601", "-c a": "42601", "--a": "42601", "-c =1": "42704", "--=1": "42704",
		"-P": "0A000", "-eP": "0A000", "-W 1": "0A000", `\ `: "42601", "-c a=1 x": "42601",
	} {
		if _, refusal := parseOptions(options); refusal == nil || refusal.SQLState != want {
			t.Errorf("%q: %v, want %s", options, refusal, want)
		}
	}
	// The word that Postgres complains of.
	for options, word := range map[string]string{
		"-Z": "-Z", "-Z 7": "-Z", "-e -Z 7": "-Z", "-eZ": "-eZ", "-eZf": "postgres", "-c a=1 -eZf": "a=1", "-S": "-S", "-e -ec": "-ec",
		"-fx": "-fx", "-f x": "x", "-t p": "p", "-t": "-t", "foo -e": "foo", "foo -Z": "-Z", "-e foo bar": "foo", "-- -e": "-e", "-": "-",
		"foo -- -e": "foo",
	} {
		_, refusal := parseOptions(options)
		if want := "invalid command-line argument for server process: " + word; refusal == nil || refusal.Message != want {
			t.Errorf("%q: %v, want %s", options, refusal, want)
		}
	}
}
