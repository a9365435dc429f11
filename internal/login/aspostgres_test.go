package login

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// What a client sends is answered as Postgres 18 answers it, word for word, and as older ones but for the protocol's
// version, which was 3.0 with them.
func TestAcceptAnswersAsPostgres(t *testing.T) {
	for _, version := range pgtest.Versions() {
		t.Run(fmt.Sprint("Postgres ", version), func(t *testing.T) { answersAsPostgres(t, version) })
	}
}

// passwordRoles are roles named for their method, as methodHBA has them.
var passwordRoles = []pgtest.Role{
	{Name: "by_scram", Password: "secret of by_scram"},
	{Name: "by_plain", Password: "secret of by_plain"},
	{Name: "by_trust"},
}

var methodHBA = []string{
	"host all by_scram,unknown 127.0.0.1/32 scram-sha-256",
	"host all by_plain 127.0.0.1/32 password",
	"local all all trust",
}

func answersAsPostgres(t *testing.T, version int) {
	p := pgtest.Start(t, pgtest.Options{Version: version, Roles: passwordRoles, HBA: methodHBA})
	ssl, gss := packet(sslRequestCode), packet(gssEncRequestCode)
	sasl := func(mechanism string, size int32, data string) []byte {
		body := binary.BigEndian.AppendUint32(append([]byte(mechanism), 0), uint32(size))
		body = append(body, data...)
		return append(binary.BigEndian.AppendUint32([]byte{'p'}, uint32(len(body)+4)), body...)
	}
	scramUser := startup("user", "by_scram", "database", "postgres")
	long := strings.Repeat("u", 70)
	for name, sends := range map[string][][]byte{
		"trust":                       {startup("user", "by_trust", "database", "postgres")},
		"SSL, then startup":           {ssl, startup("user", "by_trust", "database", "postgres")},
		"GSS, then startup":           {gss, startup("user", "by_trust", "database", "postgres")},
		"SSL, GSS, then startup":      {ssl, gss, startup("user", "by_trust", "database", "postgres")},
		"GSS, SSL, then startup":      {gss, ssl, startup("user", "by_trust", "database", "postgres")},
		"SSL twice":                   {ssl, ssl},
		"GSS twice":                   {gss, gss},
		"SSL with bytes behind it":    {append(ssl, startup("user", "by_trust")...)},
		"GSS with bytes behind it":    {append(gss, 0)},
		"protocol 2":                  {packet(2 << 16)},
		"protocol 0":                  {packet(0)},
		"protocol 4.1":                {packet(4<<16|1, "user", "x", "")},
		"unknown request":             {packet(1234<<16 | 5681)},
		"protocol 3.2":                {packet(3<<16|2, "user", "by_trust", "database", "postgres", "")},
		"protocol 3.1":                {packet(3<<16|1, "user", "by_trust", "database", "postgres", "")},
		"protocol 3.3":                {packet(3<<16|3, "user", "by_trust", "database", "postgres", "")},
		"protocol 3.2 and extensions": {packet(3<<16|2, "_pq_.b", "1", "user", "by_trust", "_pq_.a", "", "database", "postgres", "")},
		"protocol 3.3 and extension":  {packet(3<<16|3, "_pq_.b", "1", "user", "by_trust", "database", "postgres", "")},
		"protocol 3.65535":            {packet(3<<16|65535, "user", "by_trust", "database", "postgres", "")},
		"protocol 3.9 and SCRAM":      {packet(3<<16|9, "user", "by_scram", "database", "postgres", "")},
		"protocol 3.9999":             {packet(3<<16|9999, "user", "by_trust", "database", "postgres", "")},
		"extensions":                  {startup("_pq_.b", "1", "user", "by_trust", "_pq_.a", "", "_pq_.a", "2", "database", "postgres")},
		"extension and 3.1":           {packet(3<<16|1, "_pq_.b", "1", "user", "by_trust", "database", "postgres", "")},
		"extension, but no user":      {packet(3<<16|1, "_pq_.b", "1", "")},
		"no user":                     {startup("database", "postgres")},
		"empty user":                  {startup("user", "", "database", "postgres")},
		"user twice":                  {startup("user", "nobody_here", "user", "by_trust", "database", "postgres")},
		"no parameters":               {packet(3<<16, "")},
		"no body":                     {packet(3 << 16)},
		"no terminator":               {packet(3<<16, "user", "by_trust")},
		"name without value":          {packet(3<<16, "user", "by_trust", "database")},
		"something behind the end":    {packet(3<<16, "user", "by_trust", "", "x")},
		"no zero at all":              {append(packet(3 << 16)[:3], append([]byte{12, 0, 3, 0, 0}, "user"...)...)},
		"bad replication":             {startup("user", "by_trust", "replication", "perhaps")},
		"replication off":             {startup("user", "by_trust", "database", "postgres", "replication", "of")},
		"long user":                   {startup("user", long, "database", "postgres")},
		"length 3":                    {{0, 0, 0, 3}},
		"length 7":                    {{0, 0, 0, 7, 0, 3, 0}},
		"length 10005":                {binary.BigEndian.AppendUint32(nil, 10005)},
		"negative length":             {{0xff, 0xff, 0xff, 0xff}},
		"HTTP":                        {[]byte("GET / HTTP/1.1\r\n\r\n")},
		"TLS":                         {{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}},
		"short cancel":                {packet(cancelRequestCode)},
		"SCRAM: a query":              {scramUser, []byte("Q\x00\x00\x00\x05\x00")},
		"SCRAM: a password":           {scramUser, []byte("p\x00\x00\x00\x0bsecret\x00")},
		"SCRAM: no zero":              {scramUser, []byte("p\x00\x00\x00\x0asecret")},
		"SCRAM: other mechanism":      {scramUser, sasl("PLAIN", 1, "x")},
		"SCRAM: PLUS":                 {scramUser, sasl("SCRAM-SHA-256-PLUS", 7, "p=x,,n=")},
		"SCRAM: nothing at first":     {scramUser, sasl("SCRAM-SHA-256", -1, ""), []byte("p\x00\x00\x00\x0en,,n=,r=ab"), []byte("p\x00\x00\x00\x0ac=biws")},
		"SCRAM: empty":                {scramUser, sasl("SCRAM-SHA-256", 0, "")},
		"SCRAM: short":                {scramUser, sasl("SCRAM-SHA-256", 9, "n,,n=,r=")},
		"SCRAM: long":                 {scramUser, sasl("SCRAM-SHA-256", 7, "n,,n=,r=")},
		"SCRAM: zero byte":            {scramUser, sasl("SCRAM-SHA-256", 10, "n,,n=,r=\x00a")},
		"SCRAM: binding":              {scramUser, sasl("SCRAM-SHA-256", 12, "p=x,,n=,r=ab")},
		"SCRAM: flag":                 {scramUser, sasl("SCRAM-SHA-256", 10, "z,,n=,r=ab")},
		"SCRAM: flag 2":               {scramUser, sasl("SCRAM-SHA-256", 3, "n\x01,")},
		"SCRAM: authzid":              {scramUser, sasl("SCRAM-SHA-256", 13, "n,a=x,n=,r=ab")},
		"SCRAM: attribute":            {scramUser, sasl("SCRAM-SHA-256", 13, "n,b=x,n=,r=ab")},
		"SCRAM: extension":            {scramUser, sasl("SCRAM-SHA-256", 14, "n,,m=x,n=,r=ab")},
		"SCRAM: no name":              {scramUser, sasl("SCRAM-SHA-256", 7, "n,,r=ab")},
		"SCRAM: no value":             {scramUser, sasl("SCRAM-SHA-256", 8, "n,,n,r=a")},
		"SCRAM: nonce":                {scramUser, sasl("SCRAM-SHA-256", 11, "n,,n=,r=a b")},
		"SCRAM: odd attribute":        {scramUser, sasl("SCRAM-SHA-256", 14, "n,,n=,r=ab,1=2")},
		"SCRAM: comma at the end":     {scramUser, sasl("SCRAM-SHA-256", 11, "n,,n=,r=ab,"), []byte("p\x00\x00\x00\x0ac=biws")},
		"SCRAM: final":                {scramUser, sasl("SCRAM-SHA-256", 10, "n,,n=,r=ab"), []byte("p\x00\x00\x00\x05x")},
		"SCRAM: final is empty":       {scramUser, sasl("SCRAM-SHA-256", 10, "n,,n=,r=ab"), []byte("p\x00\x00\x00\x04")},
		"SCRAM: other binding":        {scramUser, sasl("SCRAM-SHA-256", 10, "y,,n=,r=ab"), []byte("p\x00\x00\x00\x0fc=biws,r=ab")},
		"SCRAM: no proof":             {scramUser, sasl("SCRAM-SHA-256", 10, "n,,n=,r=ab"), []byte("p\x00\x00\x00\x0fc=biws,r=ab")},
		"SCRAM: bad proof":            {scramUser, sasl("SCRAM-SHA-256", 10, "n,,n=,r=ab"), []byte("p\x00\x00\x00\x16c=biws,r=ab,p=AAAA")},
		"SCRAM: wrong nonce":          {scramUser, sasl("SCRAM-SHA-256", 10, "n,,n=,r=ab"), []byte("p\x00\x00\x00\x3ec=biws,r=ab,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")},
		"SCRAM: bytes after proof":    {scramUser, sasl("SCRAM-SHA-256", 10, "n,,n=,r=ab"), []byte("p\x00\x00\x00\x42c=biws,r=ab,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,a=b")},
		"SCRAM: over the bound":       {scramUser, binary.BigEndian.AppendUint32([]byte{'p'}, 100_000_000)},
		"SCRAM: unknown user, broken": {startup("user", "unknown", "database", "postgres"), sasl("SCRAM-SHA-256", 3, "n,,")},
		"md5: a query":                {startup("user", "by_plain", "database", "postgres"), []byte("Q\x00\x00\x00\x05\x00")},
		"plain: wrong":                {startup("user", "by_plain", "database", "postgres"), []byte("p\x00\x00\x00\x0awrong\x00")},
		"plain: right":                {startup("user", "by_plain", "database", "postgres"), []byte("p\x00\x00\x00\x17secret of by_plain\x00")},
		"plain: no zero":              {startup("user", "by_plain", "database", "postgres"), []byte("p\x00\x00\x00\x09wrong")},
		"plain: two strings":          {startup("user", "by_plain", "database", "postgres"), []byte("p\x00\x00\x00\x08ab\x00c")},
		"plain: empty":                {startup("user", "by_plain", "database", "postgres"), []byte("p\x00\x00\x00\x05\x00")},
	} {
		t.Run(name, func(t *testing.T) {
			if version < 18 && (strings.HasPrefix(name, "protocol 3") || strings.HasPrefix(name, "extension")) {
				t.Skip("Postgres 18 brought protocol 3.2")
			}
			auth := Auth{Method: Trust, Credentials: Users{
				"by_scram": password(t, "secret of by_scram"), "by_plain": password(t, "secret of by_plain"),
			}}
			switch {
			case strings.Contains(name, "SCRAM"):
				auth.Method = ScramSHA256
			case strings.Contains(string(sends[0]), "by_plain"):
				auth.Method = Plain
			}
			ours, _ := accepting(t, generous, auth)
			server := p.Addr()
			if strings.Contains(name, "GSS") { // which Postgres may have, but not on Unix sockets
				server = fmt.Sprintf("unix/%s:%d", p.SocketDir, p.Port)
			}
			want, got := converse(t, server, sends), converse(t, ours, sends)
			if strings.ReplaceAll(want, "supports 3.0 to 3.0", "supports 3.0 to 3.2") != got {
				t.Errorf("\nPostgres says %s\n      we say %s", want, got)
			}
		})
	}
}

// converse sends each part when the part before has been answered, as far as that can be known: by waiting for
// the first byte of the answer.
func converse(t *testing.T, address string, sends [][]byte) string {
	network, target, err := ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, network, target)
	var early []byte
	for i, part := range sends {
		if i > 0 {
			one := make([]byte, 512)
			n, err := conn.Read(one)
			if err != nil {
				break
			}
			early = append(early, one[:n]...)
		}
		if _, err := conn.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	conn.(interface{ CloseWrite() error }).CloseWrite()
	return replies(t, rewound{conn, io.MultiReader(bytes.NewReader(early), conn)})
}

// rewound is a connection of which something has been read already.
type rewound struct {
	net.Conn
	all io.Reader
}

func (r rewound) Read(b []byte) (int, error) { return r.all.Read(b) }
