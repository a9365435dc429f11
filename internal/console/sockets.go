package console

import "slices"

// socketColumns are those of clients and servers, and what PgBouncer knows of buffers, which is always 0 here.
var socketColumns = columns{peerColumns.kinds + "iiiiiii", slices.Concat(peerColumns.names, []string{
	"recv_pos", "pkt_pos", "pkt_remain", "send_pos", "send_remain", "pkt_avail", "send_avail",
})}

func (s *session) showClients(t *table) error { return s.showPeers(t, s.clients) }
func (s *session) showServers(t *table) error { return s.showPeers(t, s.servers) }

func (s *session) showPeers(t *table, ask func(*table) ([]peer, error)) error {
	peers, err := ask(t)
	now := s.world.Now()
	for i := range peers {
		t.add(peers[i].row(now)...)
	}
	return err
}

func (s *session) showSockets(t *table) error {
	return s.addSockets(t, func(*peer) bool { return true })
}

// showActiveSockets has those through which something goes, or would if it could.
func (s *session) showActiveSockets(t *table) error {
	return s.addSockets(t, func(p *peer) bool { return p.state != "idle" })
}

// addSockets has clients, then servers, with their states as SHOW SOCKETS calls them.
func (s *session) addSockets(t *table, wanted func(*peer) bool) error {
	now := s.world.Now()
	for _, side := range []struct {
		prefix string
		ask    func(*table) ([]peer, error)
	}{{"cl_", s.clients}, {"sv_", s.servers}} {
		peers, err := side.ask(t)
		if err != nil {
			return err
		}
		for i := range peers {
			if p := &peers[i]; wanted(p) {
				p.state = side.prefix + p.state
				t.add(append(p.row(now), 0, 0, 0, 0, 0, 0, 0)...)
			}
		}
	}
	return nil
}
