package changes

import (
	"fmt"
	"strconv"
	"strings"
)

// snapshot is what pg_current_snapshot tells: who was under way. Subtransactions are not in it.
type snapshot struct {
	end     uint64   // this one and all later ones had not begun, or not ended
	ongoing []uint64 // before it
}

// parseSnapshot reads xmin:xmax:xip,…
func parseSnapshot(text string) (s snapshot, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return s, fmt.Errorf("the server tells the snapshot %q, which is none", text)
	}
	if s.end, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return s, fmt.Errorf("reading the snapshot %q: %w", text, err)
	}
	if parts[2] == "" {
		return s, nil
	}
	for xid := range strings.SplitSeq(parts[2], ",") {
		n, err := strconv.ParseUint(xid, 10, 64)
		if err != nil {
			return s, fmt.Errorf("reading the snapshot %q: %w", text, err)
		}
		s.ongoing = append(s.ongoing, n)
	}
	return s, nil
}

// underWay tells whether a transaction had not ended, as others see it.
func (s *snapshot) underWay(xid uint64) bool {
	if xid >= s.end {
		return true
	}
	for _, o := range s.ongoing {
		if o == xid {
			return true
		}
	}
	return false
}

// widen is the transaction whose lower half the stream tells: the one nearest to the snapshot.
func (s *snapshot) widen(xid uint32) uint64 {
	return s.end + uint64(int64(int32(xid-uint32(s.end))))
}
