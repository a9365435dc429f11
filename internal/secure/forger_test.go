package secure

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// What crypto/tls never says to a peer, a forger says: it takes over one end of a connection, after its handshake, with
// the keys that the handshake has logged, and writes records of any type.
type forger struct {
	t       *testing.T
	victim  *Conn
	version uint16
	secret  []byte // of TLS 1.3
	aead    cipher.AEAD
	iv      []byte
	seq     uint64
}

const (
	alertType, handshakeType, dataType = 21, 22, 23
)

// forge shakes hands and takes over the client, or the server. The other end is the victim.
func forge(t *testing.T, version uint16, client bool) *forger {
	t.Helper()
	var log bytes.Buffer
	server, clientConfig := configs(version)
	clientConfig = clientConfig.Clone()
	clientConfig.KeyLogWriter = &log
	clientConfig.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	a, b := net.Pipe()
	seen := &recorder{Conn: b}
	s, c := Server(a, nil, server), Client(seen, clientConfig)
	shake(t, func() error { return s.Handshake(t.Context()) }, func() error { return c.Handshake(t.Context()) })
	if suite := c.State().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 && suite != tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 {
		t.Skipf("the forger does not know %s", tls.CipherSuiteName(suite))
	}
	for _, end := range []*Conn{s, c} {
		if _, _, err := end.Release(); err != nil {
			t.Fatal(err)
		}
	}
	f := &forger{t: t, victim: s, version: version}
	label := "CLIENT_TRAFFIC_SECRET_0"
	if !client {
		f.victim, label = c, "SERVER_TRAFFIC_SECRET_0"
	}
	if version == tls.VersionTLS13 {
		_, f.secret = logged(t, log.String(), label)
		f.rekey()
		return f
	}
	clientRandom, master := logged(t, log.String(), "CLIENT_RANDOM")
	serverRandom := seen.read.Bytes()[headerBytes+6:][:32]
	keys := prf12(master, "key expansion", append(bytes.Clone(serverRandom), clientRandom...), 2*16+2*4)
	key, iv := keys[:16], keys[32:36]
	if !client {
		key, iv = keys[16:32], keys[36:]
	}
	f.aead, f.iv, f.seq = gcm(key), iv, 1 // Finished was 0
	return f
}

// recorder keeps what was read.
type recorder struct {
	net.Conn
	mu   sync.Mutex
	read bytes.Buffer
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read.Write(p[:n])
	return n, err
}

// logged finds a line of the key log.
func logged(t *testing.T, log, label string) (random, secret []byte) {
	t.Helper()
	for line := range strings.Lines(log) {
		var r, s string
		if n, _ := fmt.Sscanf(line, label+" %s %s", &r, &s); n == 2 {
			random, _ = hex.DecodeString(r)
			secret, _ = hex.DecodeString(s)
			return random, secret
		}
	}
	t.Fatalf("no %s in the key log", label)
	return nil, nil
}

func gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// expand is HKDF-Expand-Label (RFC 8446, 7.1) with no context.
func expand(secret []byte, label string, n int) []byte {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(append(append(info, byte(len(label))), label...), 0)
	out, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil {
		panic(err)
	}
	return out
}

// prf12 is the pseudorandom function of TLS 1.2 (RFC 5246, 5).
func prf12(secret []byte, label string, seed []byte, n int) (out []byte) {
	sum := func(b []byte) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write(b)
		return h.Sum(nil)
	}
	seed = append([]byte(label), seed...)
	for a := sum(seed); len(out) < n; a = sum(a) {
		out = append(out, sum(append(bytes.Clone(a), seed...))...)
	}
	return out[:n]
}

// rekey derives the keys of the secret.
func (f *forger) rekey() {
	f.aead, f.iv, f.seq = gcm(expand(f.secret, "key", 16)), expand(f.secret, "iv", 12), 0
}

// update goes on to the next secret, as who has sent a KeyUpdate does.
func (f *forger) update() {
	f.secret = expand(f.secret, "traffic upd", 32)
	f.rekey()
}

// record makes one.
func (f *forger) record(kind byte, content []byte) []byte {
	defer func() { f.seq++ }()
	seq := binary.BigEndian.AppendUint64(nil, f.seq)
	if f.version == tls.VersionTLS13 {
		nonce := bytes.Clone(f.iv)
		for i, b := range seq {
			nonce[4+i] ^= b
		}
		inner := append(bytes.Clone(content), kind)
		header := binary.BigEndian.AppendUint16([]byte{dataType, 3, 3}, uint16(len(inner)+16))
		return f.aead.Seal(header, nonce, inner, header)
	}
	header := binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(8+len(content)+16))
	additional := binary.BigEndian.AppendUint16(append(bytes.Clone(seq), kind, 3, 3), uint16(len(content)))
	return f.aead.Seal(append(header, seq...), append(bytes.Clone(f.iv), seq...), content, additional)
}

// data is a record of plaintext.
func (f *forger) data(s string) []byte { return f.record(dataType, []byte(s)) }
