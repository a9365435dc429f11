package pgwire

import (
	"bytes"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

func TestNotifications(t *testing.T) {
	m := encoded(t, &pgproto3.NotificationResponse{PID: 9, Channel: "news", Payload: "payload"})
	pid, channel, ok := Notification(m)
	if pid != 9 || string(channel) != "news" || !ok {
		t.Errorf("process %d, channel %q, %v", pid, channel, ok)
	}
	want := encoded(t, &pgproto3.NotificationResponse{PID: 7, Channel: "news", Payload: "payload"})
	if got := AppendNotification([]byte("before"), m, 7); !bytes.Equal(got, append([]byte("before"), want...)) {
		t.Errorf("of another process it is %q", got)
	}
	for cut := range len(m) - len("payload\x00") {
		if _, _, ok := Notification(m[:cut]); ok {
			t.Errorf("%q is taken for one", m[:cut])
		}
	}
}

func TestNotices(t *testing.T) {
	want := encoded(t, &pgproto3.NoticeResponse{Severity: "WARNING", SeverityUnlocalized: "WARNING", Code: "01000", Message: "m", Hint: "h"})
	if got := AppendNotice([]byte("before"), "WARNING", "01000", "m", "", "h"); !bytes.Equal(got, append([]byte("before"), want...)) {
		t.Errorf("%q, want %q", got, want)
	}
}
