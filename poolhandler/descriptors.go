package poolhandler

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Caddy's accept loop ends for good at its first EMFILE, so we stop well before: what is above the share of
// RLIMIT_NOFILE that clients may use is left to servers, and above theirs to everything else of Caddy.
//
//	0 ─────────── clients ─────────── 90 % ── servers ── 95 % ── listeners, files, logins being refused ── limit
const (
	forClients = 90 // percent
	forServers = 95
)

// limit guards RLIMIT_NOFILE. It counts nothing: the kernel gives out the lowest number that is free, and refuses
// when that number reaches the limit, so the number of the newest descriptor is exactly how near the limit is.
// Whatever else the process has open is in it, and so is what is not any more because a ring took it into its
// own table.
type limit struct{ read func() (uint64, error) }

var theLimit = limit{read: func() (uint64, error) {
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	return l.Cur, err
}}

// fits tells why a descriptor is too near the limit to be kept; nil if it is not.
func (l limit) fits(fd int, percent uint64) error {
	most, err := l.read()
	if err != nil {
		return fmt.Errorf("reading RLIMIT_NOFILE: %w", err)
	}
	most = min(most, 1<<40) // may be "infinity"
	if uint64(fd) < most*percent/100 {
		return nil
	}
	return &tooManyFiles{fd: fd, limit: most}
}

// tooManyFiles says that descriptors run out.
type tooManyFiles struct {
	fd    int
	limit uint64
}

func (t *tooManyFiles) Error() string {
	return fmt.Sprintf("descriptor %d of at most %d; raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE=, --ulimit nofile=)", t.fd, t.limit)
}
