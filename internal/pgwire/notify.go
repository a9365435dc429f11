package pgwire

import "encoding/binary"

// notificationNames is where the channel's name begins in a NotificationResponse.
const notificationNames = HeaderLen + 4

// Notification is who has notified, and on which channel, of a NotificationResponse, given whole.
func Notification(m []byte) (pid uint32, channel []byte, ok bool) {
	if len(m) < notificationNames {
		return 0, nil, false
	}
	channel, _, ok = CString(m[notificationNames:])
	return binary.BigEndian.Uint32(m[HeaderLen:]), channel, ok
}

// NotificationPayload is what a NotificationResponse, given whole, brings.
func NotificationPayload(m []byte) []byte {
	_, channel, ok := Notification(m)
	if !ok {
		return nil
	}
	payload, _, _ := CString(m[notificationNames+len(channel)+1:])
	return payload
}

// AppendNotification appends m, a NotificationResponse that is whole, as that of another process.
func AppendNotification(dst, m []byte, pid uint32) []byte {
	at := len(dst)
	dst = append(dst, m...)
	binary.BigEndian.PutUint32(dst[at+HeaderLen:], pid)
	return dst
}

// AppendNotice appends a NoticeResponse; empty fields are left out.
func AppendNotice(dst []byte, severity, code, message, detail, hint string) []byte {
	at := len(dst)
	dst = AppendError(dst, severity, code, message, detail, hint)
	dst[at] = NoticeResponse
	return dst
}
