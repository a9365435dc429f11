package poolhandler

import "fmt"

// share is whom a descriptor is for.
type share uint8

const (
	forClients share = iota
	forServers
)

// limit guards RLIMIT_NOFILE. Caddy's accept loop ends for good at its first EMFILE, so we stop well before: what is
// above the share of clients is left to servers, and above theirs to everything else of Caddy, and to connections
// that were accepted and not looked at yet: a burst of them comes faster than goroutines get to run.
//
//	0 ─────────── clients ─────────── ½ to 90 % ── servers ── half the rest ── files, listeners, refusals ── limit
//
// It counts nothing: the kernel gives out the lowest number that is free, and refuses when that number reaches the
// limit, so the number of the newest descriptor is exactly how near the limit is. Whatever else the process has open
// is in it, and so is what is not any more because a ring took it into its own table.
type limit struct{ read func() (uint64, error) }

var theLimit = limit{read: fileLimit}

// reserve is what clients do not get: a tenth, at least 256, but never more than half.
func reserve(most uint64) uint64 { return max(most/10, min(256, most/2)) }

// fits tells why a descriptor is too near the limit to be kept; nil if it is not.
func (l limit) fits(fd int, who share) error {
	most, err := l.read()
	if err != nil {
		return fmt.Errorf("reading RLIMIT_NOFILE: %w", err)
	}
	spare := reserve(most)
	if who == forServers {
		spare /= 2
	}
	if uint64(fd) < most-spare {
		return nil
	}
	return &tooManyFiles{fd: fd, limit: most}
}

// room is fits for a descriptor that would be opened now.
func (l limit) room(who share) error {
	fd, err := nextFD()
	if err != nil {
		return fmt.Errorf("opening a descriptor: %w", err)
	}
	return l.fits(fd, who)
}

// refusals is how many clients may be told at once that descriptors run out: each holds one for as long as it takes
// it to listen, half a second at most, so all of them a quarter of the reserve.
func (l limit) refusals() int64 {
	most, err := l.read()
	if err != nil {
		return 0
	}
	return max(1, int64(reserve(most)/4))
}

// tooManyFiles says that descriptors run out.
type tooManyFiles struct {
	fd    int
	limit uint64
}

func (t *tooManyFiles) Error() string {
	return fmt.Sprintf("descriptor %d of at most %d; raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE=, --ulimit nofile=)", t.fd, t.limit)
}
