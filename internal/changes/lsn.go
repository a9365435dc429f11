package changes

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseLSN reads a position in the log: two hexadecimal halves.
func parseLSN(text string) (uint64, error) {
	high, low, ok := strings.Cut(text, "/")
	h, err := strconv.ParseUint(high, 16, 32)
	if err != nil || !ok {
		return 0, fmt.Errorf("the server tells the position %q, which is none", text)
	}
	l, err := strconv.ParseUint(low, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("the server tells the position %q, which is none", text)
	}
	return h<<32 | l, nil
}

// smallestPage is the size of a page of the log, where it was built with the smallest.
const smallestPage = 1 << 10

// endsRecord tells whether a position up to which the log is on disk is the end of a record, which the stream will reach. Postgres also
// writes full pages whose last record goes on; they end at the end of a page, and what is committed lies before.
func endsRecord(lsn uint64) bool { return lsn%smallestPage != 0 }

// epoch is where Postgres's time begins.
var epoch = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// fromMicroseconds is a time as Postgres sends it.
func fromMicroseconds(us int64) time.Time {
	const second = 1_000_000
	return time.Unix(epoch.Unix()+us/second, us%second*1000).UTC()
}

func toMicroseconds(t time.Time) int64 { return t.Sub(epoch).Microseconds() }
