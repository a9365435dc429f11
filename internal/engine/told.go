package engine

import (
	"hash/maphash"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// What Postgres reports (ParameterStatus) it reports once, to whom it talks to. A server that has another client, or has been
// made to fit one, has reported meanwhile what the other client does not know. So it is compared, with each new link, and
// what differs told (traps 43, 48, 51): a client knows a set of parameters, by its sum. What it has been told is also how it writes its texts,
// and so how they are read here.

// paramSum is the share of one parameter in the sum of a set.
func paramSum(name, value string) uint64 {
	var h maphash.Hash
	h.SetSeed(profileSeed)
	h.WriteString(name)
	h.WriteByte(0)
	h.WriteString(value)
	return h.Sum64()
}

// maxTold bounds the sets that are remembered. A client whose set is forgotten is told all of the next.
const maxTold = 8192

// tell tells a client what its server reports otherwise than the one before. It returns what reads does.
func (s *Shard) tell(c *client, srv *server) (otherwise string) {
	if c.told == srv.sum {
		return ""
	}
	known := s.knowing[c.told]
	var b []byte
	for _, q := range srv.params {
		if v, ok := reported(known, q.Name); !ok || v != q.Value {
			b = pgwire.AppendParameterStatus(b, q.Name, q.Value)
		}
	}
	if len(b) > 0 {
		s.Send(c.Conn, b)
	}
	return s.hasHeard(c, srv)
}

// hasHeard notes that a client knows all that its server has reported. It returns what reads does.
func (s *Shard) hasHeard(c *client, srv *server) (otherwise string) {
	if c.told != srv.sum {
		c.told = srv.sum
		otherwise = c.reads(srv.params)
		s.rememberTold(srv.sum, srv.params)
	}
	return otherwise
}

func (s *Shard) rememberTold(sum uint64, params []Setting) {
	if _, ok := s.knowing[sum]; ok {
		return
	}
	if len(s.knowing) >= maxTold {
		clear(s.knowing)
	}
	s.knowing[sum] = params
}

// toldAt notes what a client was told at login, in ParameterStatus messages.
func (s *Shard) toldAt(c *client, block []byte) {
	c.told = 0
	for rest := block; len(rest) > 0; rest = rest[pgwire.FrameLen(rest):] {
		if name, value, ok := parameterStatus(rest); ok {
			c.told += paramSum(string(name), string(value))
		}
	}
	if params, ok := s.knowing[c.told]; ok {
		c.reads(params)
		return
	}
	var params []Setting
	for rest := block; len(rest) > 0; rest = rest[pgwire.FrameLen(rest):] {
		if name, value, ok := parameterStatus(rest); ok {
			params = append(params, Setting{string(name), string(value)})
		}
	}
	c.reads(params)
	s.rememberTold(c.told, params)
}

// parameterStatus reads the message that m begins with, if it is a ParameterStatus.
func parameterStatus(m []byte) (name, value []byte, ok bool) {
	if m[0] != pgwire.ParameterStatus {
		return nil, nil, false
	}
	return pgwire.Parameter(m[pgwire.HeaderLen:])
}

// reportedUnseen has Postgres asked about the settings that it has reported to have changed though no text has said so: a
// function has set them.
func (s *Shard) reportedUnseen(srv *server) {
	if srv.sum == srv.sumAtLink {
		return
	}
	for _, q := range srv.params {
		if v, ok := reported(srv.paramsAtLink, q.Name); ok && v == q.Value {
			continue
		}
		if name := settable(q.Name); name != "" {
			srv.Touched.Touch([]byte(name))
		}
	}
	srv.sumAtLink, srv.paramsAtLink = srv.sum, srv.params
}

// settable is the setting, in lower case, that a reported parameter is; empty if no statement sets it.
func settable(name string) string {
	switch name {
	case "application_name", "client_encoding", "session_authorization", "standard_conforming_strings", "search_path",
		"default_transaction_read_only", "scram_iterations":
		return name
	case "DateStyle":
		return "datestyle"
	case "IntervalStyle":
		return "intervalstyle"
	case "TimeZone":
		return "timezone"
	}
	return ""
}
