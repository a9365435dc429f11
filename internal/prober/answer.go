package prober

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pgmux/caddy-pgmux/routing"
)

// values are the parts that a server has answered, as text; empty: not known.
type values [partCount]string

// report is what they say, under a mark that was taken before they were asked for.
func (v *values) report(mark uint64) (routing.Report, error) {
	var r reader
	out := routing.Report{InRecovery: v[recovery] == "t", System: r.number(v[cluster], 10, 64)}
	if out.InRecovery {
		out.Position = r.position(v[replayed])
		out.Timeline = uint32(r.number(v[received], 10, 32))
		return out, r.err
	}
	page := r.number(v[block], 10, 32)
	out.Position = endOfRecord(r.position(v[written]), page)
	out.Flushed = endOfRecord(r.position(v[flushed]), page)
	out.Timeline = uint32(r.number(v[writing], 16, 32))
	out.Mark = mark
	return out, r.err
}

// longHeader is how many bytes of a page of the log are its header: 24, or 40 at the start of a file. The smallest record has 24.
const longHeader = 40

// endOfRecord is where the last record ends, if the next goes to the position. They differ where the next is the first of its page, as
// after a change of the log file: by the page's header. A replica that has replayed everything is at the end of the record.
//
// No record ends within the header and the few bytes behind it but one that has begun on an earlier page. So where the position is
// indeed the end of one, whoever has replayed up to the page's start has replayed that record too.
func endOfRecord(p routing.LSN, page uint64) routing.LSN {
	if page == 0 || uint64(p)%page > longHeader {
		return p
	}
	return p - routing.LSN(uint64(p)%page)
}

// reader reads values and keeps the first error. Empty is 0.
type reader struct{ err error }

// number reads a number. An identifier of a system is signed in SQL, and is shown so.
func (r *reader) number(text string, base, bits int) uint64 {
	if text == "" {
		return 0
	}
	if strings.HasPrefix(text, "-") {
		n, err := strconv.ParseInt(text, base, bits)
		r.keep(text, err)
		return uint64(n)
	}
	n, err := strconv.ParseUint(text, base, bits)
	r.keep(text, err)
	return n
}

// position reads a pg_lsn: two hexadecimal halves.
func (r *reader) position(text string) routing.LSN {
	if text == "" {
		return 0
	}
	high, low, _ := strings.Cut(text, "/")
	return routing.LSN(r.number(high, 16, 32)<<32 | r.number(low, 16, 32))
}

func (r *reader) keep(text string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("reading %q of the server's answer: %w", text, err)
	}
}
