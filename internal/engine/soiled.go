package engine

import (
	"strconv"

	"github.com/pgmux/caddy-pgmux/internal/session"
)

// Code that no text shows may have left in a session what Postgres cannot be asked for: settings of one's own, which it lists
// nowhere, and a seed. The session is soiled then: its client goes on with it as it is, but before another client gets it, it is
// cleaned, ahead of what sets it for that client, and in one piece with it.

// soil notes that its client may have left such things, now that it is known what else there is.
func (srv *server) soil(by uint64) {
	if srv.Touched.Unknown && srv.Pins&session.PinSession == 0 {
		srv.soiledBy = by
	}
}

// soiledFor reports whether another client may have left such things.
func (srv *server) soiledFor(c *client) bool { return srv.soiledBy != 0 && srv.soiledBy != c.Conn }

// moveSoil notes that a server goes to another shard, where other clients have the numbers of this one's.
func (srv *server) moveSoil() {
	if srv.soiledBy != 0 {
		srv.soiledBy = someoneElse
	}
}

// cleansing is the SQL that makes a soiled session that of a profile. RESET ALL empties the settings of one's own, and nobody
// foresees what random draws behind a seed that nobody knows.
func (s *Shard) cleansing(to *profile) string {
	seed := float64(s.engine.host.Random()>>11)/(1<<52) - 1
	return "RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL;SELECT pg_catalog.setseed('" + strconv.FormatFloat(seed, 'f', -1, 64) + "');" +
		s.difference(s.profiles[0], to)
}
