package poolhandler

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/redistest"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// openRedis is a client of a server, as a configuration would have it.
func openRedis(t *testing.T, c config.RedisStore) *redisClient {
	t.Helper()
	client := newRedisClient(newRedisID(&c), nil)
	t.Cleanup(func() { client.Destruct() })
	return client
}

func redisAt(t *testing.T, address string) *redisClient {
	return openRedis(t, config.RedisStore{Address: address})
}

// append writes a record, or ends the test.
func (c *redisClient) append(t *testing.T, log, record string) uint64 {
	t.Helper()
	position, err := c.Append(t.Context(), log, []byte(record))
	if err != nil {
		t.Fatal(err)
	}
	return position
}

// TestALogIsReadAsItWasWritten is the contract of querycache.Store.
func TestALogIsReadAsItWasWritten(t *testing.T) {
	c := redisAt(t, redistest.Start(t).Address)
	if last, err := c.Last(t.Context(), "log"); last != 0 || err != nil {
		t.Errorf("a log that nobody has written to ends at %d, %v", last, err)
	}
	first := c.append(t, "log", "a\x00\n")
	for i := range 3 {
		if position := c.append(t, "log", fmt.Sprint(i)); position != first+1+uint64(i) {
			t.Errorf("record %d has position %d, and the first %d", i, position, first)
		}
	}
	for _, behind := range []uint64{0, first - 1} { // 0: as of a log that was not there
		records, last, err := c.Read(t.Context(), "log", behind)
		if len(records) != 4 || last != first+3 || err != nil {
			t.Errorf("read %d records behind %d, up to %d, %v", len(records), behind, last, err)
		}
	}
	records, last, err := c.Read(t.Context(), "log", first-1)
	if got := fmt.Sprintf("%q", records); got != `["a\x00\n" "0" "1" "2"]` || last != first+3 || err != nil {
		t.Errorf("read %s up to %d, %v", got, last, err)
	}
	if end, err := c.Last(t.Context(), "log"); end != last || err != nil {
		t.Errorf("the log ends at %d, %v", end, err)
	}
	records, last, err = c.Read(t.Context(), "log", last)
	if len(records) != 0 || last != first+3 || err != nil {
		t.Errorf("behind its end there is %q up to %d, %v", records, last, err)
	}
}

// TestALogIsForgotten: what was trimmed, and what was lost, is not read over.
func TestALogIsForgotten(t *testing.T) {
	c := redisAt(t, redistest.Start(t).Address)
	first := c.append(t, "log", "x")
	for range maxLog + 500 {
		if _, err := c.Append(t.Context(), "log", []byte("x")); err != nil {
			c.append(t, "log", "x") // once more, where the machine stood still
		}
	}
	if _, _, err := c.Read(t.Context(), "log", first); !errors.Is(err, querycache.ErrForgotten) {
		t.Errorf("who is behind by more than the log keeps is told %v", err)
	}
	last, _ := c.Last(t.Context(), "log")
	if _, _, err := c.Read(t.Context(), "log", last-maxLog); err != nil {
		t.Errorf("who is behind by as much as the log keeps is told %v", err)
	}
	if err := c.questions.Del(t.Context(), "pgmux:log").Err(); err != nil {
		t.Fatal(err)
	}
	if anew := c.append(t, "log", "x"); anew <= last {
		t.Errorf("a log that begins anew has the position %d, and had %d", anew, last)
	}
	if _, _, err := c.Read(t.Context(), "log", last); !errors.Is(err, querycache.ErrForgotten) {
		t.Errorf("who reads a log that was lost is told %v", err)
	}
}

func TestValuesOfRedis(t *testing.T) {
	c := redisAt(t, redistest.Start(t).Address)
	if value, _, err := c.Get(t.Context(), "k"); value != nil || err != nil {
		t.Errorf("what nobody has set is %q, %v", value, err)
	}
	if err := c.Set(t.Context(), "k", []byte("v\x00"), time.Minute); err != nil {
		t.Fatal(err)
	}
	value, left, err := c.Get(t.Context(), "k")
	if string(value) != "v\x00" || left <= 50*time.Second || left > time.Minute || err != nil {
		t.Errorf("it is %q for %v, %v", value, left, err)
	}
}

// TestGenerations: another run of the server is another generation, and so is one without its data.
func TestGenerations(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	c := redisAt(t, server.Address)
	generation := func() string {
		t.Helper()
		g, err := c.Generation(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	one := generation()
	if again := generation(); again != one {
		t.Errorf("the generation is %s, and %s", one, again)
	}
	if other, err := redisAt(t, server.Address).Generation(t.Context()); other != one || err != nil {
		t.Errorf("another process is told %s, %v", other, err)
	}
	if err := c.questions.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	two := generation()
	server.Kill()
	if _, err := c.Generation(t.Context()); err == nil || !strings.Contains(err.Error(), "out of reach") {
		t.Errorf("of a server that is gone it is told %v", err)
	}
	server.StartAgain()
	if three := generation(); one == two || two == three {
		t.Errorf("the generations are %s, %s and %s", one, two, three)
	}
}

// TestContextsEndQuestions: a server that hangs does not hold anybody up.
func TestContextsEndQuestions(t *testing.T) {
	server := redistest.Start(t)
	c := redisAt(t, server.Address)
	c.append(t, "log", "x")
	server.Pause()
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	for began := time.Now(); ctx.Err() == nil; {
		if _, _, err := c.Get(ctx, "k"); err == nil {
			t.Error("it has answered")
		}
		if took := time.Since(began); took >= redisTimeout {
			t.Errorf("asking took %v", took)
		}
	}
}

func TestWhoMayLogIn(t *testing.T) {
	server := redistest.Start(t, "--user", "default", "off",
		"--user", "pgmux", "on", ">secret", "~pgmux:*", "+@read", "+@write", "+@stream", "+@scripting", "+@connection", "+info", "+time",
		"--user", "stranger", "on", ">secret", "~other:*", "+@all")
	for _, c := range []struct{ user, password, says string }{
		{"pgmux", "secret", ""},
		{"pgmux", "wrong", "does not let us in"},
		{"", "", "does not let us in"},
		{"stranger", "secret", "does not allow it"},
	} {
		client := openRedis(t, config.RedisStore{Address: server.Address, Username: c.user, Password: c.password})
		_, err := client.Generation(t.Context())
		if err == nil {
			err = client.useAll(t.Context())
		}
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s is told %v, not %q", c.user, err, c.says)
		}
	}
}

// useAll asks all that is ever asked.
func (c *redisClient) useAll(ctx context.Context) error {
	var errs []error
	for range 2 {
		position, err := c.Append(ctx, "log", nil)
		_, _, reading := c.Read(ctx, "log", position-1)
		errs = append(errs, err, reading)
	}
	_, last := c.Last(ctx, "log")
	_, _, getting := c.Get(ctx, "k")
	return errors.Join(append(errs, last, c.Set(ctx, "k", nil, time.Minute), getting)...)
}

func TestServersThatAreTooOldAreRefused(t *testing.T) {
	for info, says := range map[string]string{
		"# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n":                              "",
		"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\nrun_id:abc": "",
		"redis_version:10.1.0\nrun_id:abc":                                                "",
		"redis_version:6.2.14\r\nrun_id:abc\r\n":                                          "the server is Redis 6.2.14, whose streams cannot be counted; install Redis 7.0 or Valkey 7.2 at least, or write `store memory`",
		"redis_version:7.4.0\r\n":                                                         "tells no run_id",
		"nonsense":                                                                        `its version is "", which is none of Redis's`,
	} {
		run, err := readServerInfo(info)
		if says == "" && (run != "abc" || err != nil) || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: run %q, %v", info, run, err)
		}
	}
}

// A server that is to be reached over TLS only verifies us, and we verify it.
func TestARedisOverTLS(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	certificate, key := ours.issue("redis", "redis.example.com")
	own, ownKey := ours.issue("pgmux")
	port, err := pgtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	redistest.Start(t, "--tls-port", strconv.Itoa(port), "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", ours.file)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for name, c := range map[string]struct {
		tls  config.StoreTLS
		says string
	}{
		"as it should be":     {config.StoreTLS{CA: ours.file, Certificate: own, Key: ownKey, ServerName: "redis.example.com"}, ""},
		"another's authority": {config.StoreTLS{CA: theirs.file, Certificate: own, Key: ownKey, ServerName: "redis.example.com"}, "unknown authority"},
		"another name":        {config.StoreTLS{CA: ours.file, Certificate: own, Key: ownKey, ServerName: "other.example.com"}, "not other.example.com"},
		"nobody":              {config.StoreTLS{CA: ours.file, ServerName: "redis.example.com"}, "out of reach"}, // in TLS 1.3 a client may be reset before it is told why
	} {
		encryption, err := storeTLS(&c.tls, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		client := newRedisClient(newRedisID(&config.RedisStore{Address: address, TLS: &c.tls}), encryption)
		if _, err = client.Generation(t.Context()); err == nil {
			err = client.useAll(t.Context())
		}
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		client.Destruct()
	}
	plain := redisAt(t, address)
	if _, err := plain.Generation(t.Context()); err == nil {
		t.Error("it has answered in clear")
	}
}
