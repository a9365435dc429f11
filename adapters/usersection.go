package adapters

import "strconv"

// lookAtUsers: settings of single users are not there.
func (a *adaptation) lookAtUsers() error {
	for _, e := range a.users {
		if err := a.lookAt(e, "user", userKeys); err != nil {
			return err
		}
	}
	return nil
}

// lookAtPeers: nor are other processes that know this one's clients.
func (a *adaptation) lookAtPeers() error {
	for _, e := range a.peers {
		if n, err := strconv.Atoi(e.key); err != nil || n < 1 {
			return e.at.errorf("peer %q: the name of a peer is its number, from 1", e.key)
		}
		if err := a.lookAt(e, "peer", peerKeys); err != nil {
			return err
		}
	}
	return nil
}

func (a *adaptation) lookAt(e entry, what string, keys []setting) error {
	pairs, err := parsePairs(e.value)
	if err != nil {
		return e.at.errorf("%s %s: %w", what, e.key, err)
	}
	for _, p := range pairs {
		row := find(keys, p.key)
		if row == nil {
			return e.at.errorf("%s %s: PgBouncer 1.25 has no key %s%s", what, e.key, p.key, didYouMean(p.key, names(keys)))
		}
		if row.asks(p.value) {
			a.warn(e.at, e.key+"."+p.key, "%s", row.here)
		}
	}
	return nil
}
