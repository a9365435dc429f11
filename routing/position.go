package routing

// A page of the write-ahead log begins with a header of 24 bytes, and the first one of a segment with one of 40 (src/include/access/
// xlog_internal.h: SizeOfXLogShortPHD, SizeOfXLogLongPHD). Pages are of 8 KiB unless Postgres was built otherwise; segments are
// of 16 MiB unless initdb was told otherwise, but never of less than 1 MiB, and each begins at a multiple of that.
const (
	pageBytes         = 8 << 10
	leastSegmentBytes = 1 << 20
	pageHeaderBytes   = 24
	longHeaderBytes   = 40
)

// replayable is the position that a replica says it has replayed when it has replayed all that is written up to the given one.
//
// They differ at the beginning of a page. Where the last record ends with its page, pg_current_wal_insert_lsn is already behind
// the next page's header, since that is where the next record begins; pg_last_wal_replay_lsn stays where the record ended. A
// primary that does nothing more would look as if it were ahead for ever.
//
// To take the header off is safe: it is no part of a record, so whoever has replayed up to its page has replayed up to its end. What
// looks like one and is not, because it is a position amid the page, cannot mislead either:
//
//   - 40 behind a multiple of 1 MiB that is no segment's beginning, there are 16 bytes between the page's header and the position. No
//     record is shorter than 24, so the one that ends there began on the page before, and nobody has replayed just up to the page.
//   - 24 behind a multiple of 8 KiB that is no page's beginning, since pages were built bigger, all that could be missed is a record
//     of 24 bytes, and one that commits is longer.
func replayable(p LSN) LSN {
	switch {
	case p%pageBytes == pageHeaderBytes:
		return p - pageHeaderBytes
	case p%leastSegmentBytes == longHeaderBytes:
		return p - longHeaderBytes
	}
	return p
}
