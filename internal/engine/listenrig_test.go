package engine

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// rigChannels is what a scripted Postgres knows of LISTEN and NOTIFY.
type rigChannels struct {
	listening []string
	actions   []string // of the transaction that is open
	waiting   []byte   // notifications for the end of the transaction
}

// listens reports whether all of a text is about channels, and does it: "listen a", "unlisten a", "unlisten *", "notify a text",
// and what the engine asks.
func (s *rigServer) listens(text string) bool {
	about := func(part string) bool {
		word, _, _ := strings.Cut(strings.ToLower(part), " ")
		return word == "listen" || word == "unlisten" || word == "notify" || strings.Contains(part, "pg_listening_channels()")
	}
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(text, "do $$"), "$$"), ";") // a block does what it says
	if text == "" {
		s.finish(frame(pgwire.EmptyQueryResponse))
		return true
	}
	if strings.HasPrefix(text, "SELECT ''") || !slices.ContainsFunc(parts, about) {
		return false
	}
	var out [][]byte
	for _, part := range parts {
		if strings.Contains(part, "pg_listening_channels()") {
			for _, name := range s.channels.listening {
				out = append(out, rigRow(name))
			}
			out = append(out, frame(pgwire.CommandComplete, "SELECT\x00"))
			continue
		}
		word, _, _ := strings.Cut(strings.ToUpper(part), " ")
		if about(part) {
			s.channels.actions = append(s.channels.actions, part)
		}
		out = append(out, frame(pgwire.CommandComplete, word, "\x00"))
	}
	s.finish(out...)
	return true
}

// finish ends a query: outside a transaction what it has done with channels happens.
func (s *rigServer) finish(out ...[]byte) {
	if s.status == 'I' {
		s.commit()
	}
	out = append(out, s.channels.waiting)
	s.channels.waiting = nil
	s.answer(append(out, s.ready())...)
}

// commit does what the transaction has asked for: first to listen, then to notify.
func (s *rigServer) commit() {
	var sent [][2]string
	for _, action := range s.channels.actions {
		word, rest, _ := strings.Cut(action, " ")
		name := strings.Trim(rest, `"`)
		switch word = strings.ToLower(word); {
		case word == "notify":
			name, payload, _ := strings.Cut(rest, " ")
			if quoted := strings.HasPrefix(name, `"`); quoted { // the engine's own
				name, payload = strings.Trim(name, `",`), strings.Trim(payload, "'")
			}
			if n := [2]string{name, payload}; !slices.Contains(sent, n) {
				sent = append(sent, n)
			}
		case name == "*":
			s.channels.listening = nil
		case word == "listen" && !slices.Contains(s.channels.listening, name):
			s.channels.listening = append(s.channels.listening, name)
		case word == "unlisten":
			s.channels.listening = slices.DeleteFunc(s.channels.listening, func(c string) bool { return c == name })
		}
	}
	s.channels.actions = nil
	for _, n := range sent {
		for _, to := range s.rig.servers {
			if slices.Contains(to.channels.listening, n[0]) && !to.socket.gone {
				to.isNotified(rigNotification(s.number, n[0], n[1]), to == s)
			}
		}
	}
}

// isNotified takes a notification: at once if it is idle.
func (s *rigServer) isNotified(m []byte, own bool) {
	if own || s.status != 'I' {
		s.channels.waiting = append(s.channels.waiting, m...)
		return
	}
	s.answer(m)
}

// dies ends a server's connection, as pg_terminate_backend does.
func (s *rigServer) dies() {
	s.answer(pgwire.AppendError(nil, "FATAL", "57P01", "terminating connection due to administrator command", "", ""))
	s.socket.ended = true
	s.rig.settle()
}

func rigNotification(pid int, channel, payload string) []byte {
	return frame(pgwire.NotificationResponse, string(binary.BigEndian.AppendUint32(nil, uint32(pid))), channel, "\x00", payload, "\x00")
}

func rigRow(columns ...string) []byte {
	body := binary.BigEndian.AppendUint16(nil, uint16(len(columns)))
	for _, c := range columns {
		body = append(binary.BigEndian.AppendUint32(body, uint32(len(c))), c...)
	}
	return frame(pgwire.DataRow, string(body))
}
