package console

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Version is the PgBouncer whose console this is.
const Version = "1.25.0"

// greet sends what follows AuthenticationOk: what PgBouncer's console reports, as drivers know it, and what goes by the version. Only admins are
// superusers.
func (s *session) greet() {
	superuser := "off"
	if s.Admin {
		superuser = "on"
	}
	for _, p := range [][2]string{
		{"server_version", Version + "/bouncer"},
		{"client_encoding", "UTF8"},
		{"server_encoding", "UTF8"},
		{"DateStyle", "ISO"},
		{"TimeZone", "GMT"},
		{"standard_conforming_strings", "on"},
		{"is_superuser", superuser},
	} {
		s.send(&pgproto3.ParameterStatus{Name: p[0], Value: p[1]})
	}
	s.send(&pgproto3.BackendKeyData{ProcessID: s.PID, SecretKey: s.Secret})
	s.ready()
}

// send collects a message, and sends what is collected once that is much. After an error it does nothing.
func (s *session) send(m pgproto3.BackendMessage) {
	out, err := m.Encode(s.out)
	if err != nil {
		panic(fmt.Sprintf("bug: encoding %T: %v", m, err))
	}
	if s.out = out; len(s.out) >= flushBytes {
		s.flush()
	}
}

// flush sends what is collected.
func (s *session) flush() {
	if s.failed == nil && len(s.out) > 0 {
		s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		_, s.failed = s.conn.Write(s.out)
		s.conn.SetWriteDeadline(time.Time{}) // what TLS has to write by itself comes later
	}
	s.out = s.out[:0]
}

// answer sends rows, in the formats that were asked for, and what was done.
func (s *session) answer(a answer, formats []int16) {
	s.notice(a)
	if a.table != nil {
		for _, row := range a.table.rows {
			s.send(a.table.dataRow(row, formats))
		}
	}
	s.send(&pgproto3.CommandComplete{CommandTag: []byte(a.tag)})
}

func (s *session) notice(a answer) {
	if a.notice != "" {
		s.send(&pgproto3.NoticeResponse{
			Severity: "NOTICE", SeverityUnlocalized: "NOTICE", Code: "00000", Message: a.notice, Detail: a.detail,
		})
	}
}
