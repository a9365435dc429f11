package changes

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// heard is one thing that the stream has told.
type heard struct {
	transaction *transaction // or nil
	seen        uint64       // all that was committed before has been told
	wantsReply  bool
	err         error
}

// progress is how far the stream is, and how far it ought to be.
type progress struct {
	seen       uint64
	heardAt    time.Time
	reportedAt time.Time // when the server was told
	caughtUp   bool      // it has been once as far as it ought to be
	target     target
}

// target is a position that was on disk when it was asked for. The zero value: none is to be reached.
type target struct {
	lsn uint64
	at  time.Time
}

// aim sets the next target, if the last has been reached. Where a record goes on behind the position, the stream may be held up before it
// for long with nothing committed: it counts if it happens to be reached.
func (p *progress) aim(lsn uint64, at time.Time) {
	if p.target == (target{}) && (endsRecord(lsn) || lsn <= p.seen) {
		p.target = target{lsn, at}
	}
}

// advance notes how far the stream is, and reports whether the target is reached with that, and when it was asked for.
func (p *progress) advance(seen uint64) (at time.Time, reached bool) {
	p.seen = max(p.seen, seen)
	if p.target == (target{}) || p.seen < p.target.lsn {
		return time.Time{}, false
	}
	at, p.target, p.caughtUp = p.target.at, target{}, true
	return at, true
}

func (p *progress) isLate(now time.Time, patience time.Duration) bool {
	return p.target != (target{}) && now.Sub(p.target.at) > patience
}

// report tells the server how far we are, so that it keeps no log for us. It may ask it to say how far it is.
func (f *follower) report(now time.Time, ask bool) error {
	if ask {
		f.reportedAt = now
	}
	return f.stream.send(copyData(appendStatus(nil, f.seen, now, ask)), f.Patience)
}

// appendStatus appends a Standby status update.
func appendStatus(dst []byte, lsn uint64, now time.Time, ask bool) []byte {
	dst = append(dst, 'r')
	for range 3 { // written, flushed, applied
		dst = binary.BigEndian.AppendUint64(dst, lsn)
	}
	dst = binary.BigEndian.AppendUint64(dst, uint64(toMicroseconds(now)))
	if ask {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// listen reads the stream until the context ends or it breaks.
func (f *follower) listen(ctx context.Context) {
	d := newDecoder()
	for {
		h := f.next(d)
		select {
		case f.heard <- h:
		case <-ctx.Done():
			return
		}
		if h.err != nil {
			return
		}
	}
}

// next reads one message of the stream.
func (f *follower) next(d *decoder) (h heard) {
	kind, message, err := f.stream.receive()
	switch {
	case err != nil:
		return heard{err: err}
	case kind == 'E':
		return heard{err: newServerError(message)}
	case kind == pgwire.CopyDone:
		return heard{err: errors.New("the server has ended the stream")}
	case kind != pgwire.CopyData:
		return heard{} // a notice, a parameter
	}
	return d.takeCopyData(message[pgwire.HeaderLen:])
}

// Where the parts of CopyData begin ("Streaming Replication Protocol").
const (
	logDataHeader   = 1 + 8 + 8 + 8
	keepaliveLength = 1 + 8 + 8 + 1
)

// takeCopyData takes XLogData or a keepalive.
func (d *decoder) takeCopyData(body []byte) (h heard) {
	switch {
	case len(body) >= logDataHeader && body[0] == 'w':
		if h.transaction, h.err = d.take(body[logDataHeader:]); h.transaction != nil {
			h.seen = h.transaction.end
		}
	case len(body) == keepaliveLength && body[0] == 'k':
		h.seen, h.wantsReply = binary.BigEndian.Uint64(body[1:]), body[keepaliveLength-1] == 1
	default:
		h.err = fmt.Errorf("the stream has a message of %d bytes that is neither changes nor a sign of life", len(body))
	}
	return h
}
