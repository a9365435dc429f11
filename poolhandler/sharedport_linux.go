package poolhandler

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// sharersOf is how many sockets listen at the address and port of this one, itself included: more than one where another process
// does too. 0: the system does not say.
func sharersOf(fd int) int {
	var stat unix.Stat_t
	if unix.Fstat(fd, &stat) != nil {
		return 0
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if n := sharers(table, stat.Ino); n > 0 {
			return n
		}
	}
	return 0
}

// sharers is how many sockets listen where the one with this inode does; 0 if that is not in the table.
//
//	sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//	0:  0100007F:1920 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345
func sharers(table string, inode uint64) int {
	file, err := os.Open(table)
	if err != nil {
		return 0
	}
	defer file.Close()
	const listens, own = "0A", 9
	count := make(map[string]int)
	address := ""
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) <= own || fields[3] != listens {
			continue
		}
		count[fields[1]]++
		if fields[own] == strconv.FormatUint(inode, 10) {
			address = fields[1]
		}
	}
	return count[address]
}
