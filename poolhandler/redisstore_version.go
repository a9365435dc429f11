package poolhandler

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// leastRedis is the oldest major version whose streams count their records by themselves (XADD with an id 0-*). Valkey, which has done so
// from its beginning, calls itself Redis 7.2.4 there.
const leastRedis = 7

// readServerInfo reads what a server says of itself (INFO server): which run it is. Servers that are too old are refused.
func readServerInfo(info string) (run string, err error) {
	version := ""
	for line := range strings.Lines(info) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); name {
		case "redis_version":
			version = value
		case "run_id":
			run = value
		}
	}
	major, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(major)
	switch {
	case err != nil:
		return "", fmt.Errorf("the server says that its version is %q, which is none of Redis's; it takes Redis 7.0 or Valkey 7.2 at least", version)
	case n < leastRedis:
		return "", fmt.Errorf("the server is Redis %s, whose streams cannot be counted; install Redis 7.0 or Valkey 7.2 at least, or write `store memory`", version)
	case run == "":
		return "", errors.New("the server tells no run_id, without which it would not be noticed when it is started anew; use another one, or write `store memory`")
	}
	return run, nil
}
