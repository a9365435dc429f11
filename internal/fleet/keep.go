package fleet

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// offers is the replies that are on their way to the store.
type offers struct {
	queue chan offer
	bytes atomic.Int64
}

// offer is one of them.
type offer struct {
	names *names
	key   querycache.SharedKey
	reply *querycache.Shared
	at    int64
}

const (
	// maxOffers and maxOffered bound the replies that wait to be offered, and their bytes together. One more is not.
	maxOffers  = 1024
	maxOffered = 64 << 20
	// keepers is how many are offered at once.
	keepers = 4
	// keepTimeout bounds each.
	keepTimeout = time.Second
)

func newOffers() offers { return offers{queue: make(chan offer, maxOffers)} }

// Keep offers a reply, which nobody may change any more. It never waits: what there is no room for is dropped. What was asked for so soon
// behind a write of this process that its record had not been read back is offered in vain, as its position is before that.
func (m *Member) Keep(key querycache.SharedKey, s *querycache.Shared) {
	shared := m.shared.Load()
	if shared == nil || !isOffered(s) || !m.offers.add(offer{shared, key, s, m.now()}) {
		return
	}
}

// add reports whether there was room.
func (o *offers) add(x offer) bool {
	n := int64(len(x.reply.Reply))
	if o.bytes.Add(n) <= maxOffered {
		select {
		case o.queue <- x:
			return true
		default:
		}
	}
	o.bytes.Add(-n)
	return false
}

// keepOffers offers what there is.
func (m *Member) keepOffers(ctx context.Context) {
	var buffer []byte
	for {
		select {
		case <-ctx.Done():
			return
		case x := <-m.offers.queue:
			buffer = m.keep(ctx, x, buffer[:0])
			m.offers.bytes.Add(-int64(len(x.reply.Reply)))
		}
		if cap(buffer) > maxKeptBuffer {
			buffer = nil
		}
	}
}

// maxKeptBuffer bounds the memory that is kept to be used again.
const maxKeptBuffer = 1 << 20

// keep has the store keep a reply. That it does not is nobody's trouble; that the store is out of reach, others notice.
func (m *Member) keep(ctx context.Context, x offer, buffer []byte) []byte {
	s := *x.reply
	s.Left = min(s.Left-time.Duration(m.now()-x.at), maxLeft)
	if m.shared.Load() != x.names || s.Left < time.Millisecond {
		return buffer
	}
	ctx, stop := context.WithTimeout(ctx, keepTimeout)
	defer stop()
	buffer = appendValue(buffer, &s)
	m.store.Set(ctx, x.names.value(x.key), buffer, s.Left)
	return buffer
}
