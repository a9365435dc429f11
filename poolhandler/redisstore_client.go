package poolhandler

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// redisClient is the connections to one server of Redis: a few for questions and answers, and one for each log that is read, as who waits for
// more of it waits.
type redisClient struct {
	prefix    string
	questions *redis.Client
	readers   *redis.Client
}

const (
	// redisConnections bounds the connections for questions: fleet bounds how many there are at once.
	redisConnections = 64
	// redisReaders bounds those that wait: one for each database whose replies are shared.
	redisReaders = 4096
	// redisIdle is how long a connection rests before it is closed.
	redisIdle = 5 * time.Minute
)

// redisTimeout bounds a dial, and a question without a deadline of its own. Tests have it be longer.
var redisTimeout = 2 * time.Second

// quietRedis keeps the client from saying on stderr, at each attempt, what it returns as an error; the rest of what it says stays.
var quietRedis = sync.OnceFunc(func() { redis.SetLogger(logging.NewBlacklistLogger([]string{"failed to dial"})) })

func newRedisClient(id redisID, encryption *tls.Config) *redisClient {
	quietRedis()
	open := func(connections int) *redis.Client {
		return redis.NewClient(&redis.Options{
			Network: id.network, Addr: id.address, Username: id.username, Password: id.password, DB: id.database, TLSConfig: encryption,
			Protocol: 2, DisableIdentity: true,
			// Nothing is asked twice: a record that was written, though nobody has heard so, would be written again.
			MaxRetries: -1, DialerRetries: 1,
			DialTimeout: redisTimeout, ReadTimeout: redisTimeout, WriteTimeout: redisTimeout, PoolTimeout: redisTimeout,
			ContextTimeoutEnabled: true,
			PoolSize:              connections, PipelinePoolSize: -1, ConnMaxIdleTime: redisIdle,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		})
	}
	return &redisClient{prefix: id.prefix + ":", questions: open(redisConnections), readers: open(redisReaders)}
}

// redisNetwork is an address as a dialer takes it.
func redisNetwork(address string) (network, rest string) {
	if path, ok := strings.CutPrefix(address, "unix/"); ok {
		return "unix", path
	}
	return "tcp", address
}

// Destruct closes all connections. It is Caddy's word for it.
func (c *redisClient) Destruct() error { return errors.Join(c.questions.Close(), c.readers.Close()) }

// Generation implements querycache.Store: the run of the server, and a word that is gone when its data are.
func (c *redisClient) Generation(ctx context.Context) (string, error) {
	info, err := c.questions.Info(ctx, "server").Result()
	if err != nil {
		return "", c.explain(err)
	}
	run, err := readServerInfo(info)
	if err != nil {
		return "", err
	}
	epoch, err := c.epoch(ctx)
	if err != nil {
		return "", c.explain(err)
	}
	return run + "." + epoch, nil
}

// epoch is a word that the first who asks has made up.
func (c *redisClient) epoch(ctx context.Context) (string, error) {
	key := c.prefix + "epoch"
	epoch, err := c.questions.Get(ctx, key).Result()
	if !errors.Is(err, redis.Nil) {
		return epoch, err
	}
	if err := c.questions.SetNX(ctx, key, rand.Text(), 0).Err(); err != nil {
		return "", err
	}
	return c.questions.Get(ctx, key).Result()
}

// Get implements querycache.Store.
func (c *redisClient) Get(ctx context.Context, key string) ([]byte, time.Duration, error) {
	asks := c.questions.Pipeline()
	value, left := asks.Get(ctx, c.prefix+key), asks.PTTL(ctx, c.prefix+key)
	if _, err := asks.Exec(ctx); errors.Is(err, redis.Nil) {
		return nil, 0, nil
	} else if err != nil {
		return nil, 0, c.explain(err)
	}
	b, err := value.Bytes()
	return b, left.Val(), err
}

// Set implements querycache.Store.
func (c *redisClient) Set(ctx context.Context, key string, value []byte, lasts time.Duration) error {
	return c.explain(c.questions.Set(ctx, c.prefix+key, value, lasts).Err())
}

// explain tells what to do about an error.
func (c *redisClient) explain(err error) error {
	var broken net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &broken):
		return fmt.Errorf("the server is out of reach: %w", err)
	case redis.HasErrorPrefix(err, "NOAUTH"), redis.HasErrorPrefix(err, "WRONGPASS"):
		return fmt.Errorf("the server does not let us in: %w; write username and password in the store's block", err)
	case redis.HasErrorPrefix(err, "NOPERM"):
		return fmt.Errorf("the server does not allow it: %w; the user needs +@read +@write +@stream +@scripting +@connection +info +time on the keys <prefix>:*", err)
	case redis.HasErrorPrefix(err, "MOVED"):
		return fmt.Errorf("the server is of a cluster: %w; a store takes a single server", err)
	case redis.HasErrorPrefix(err, "READONLY"):
		return fmt.Errorf("the server is a replica: %w; a store takes the primary", err)
	}
	return err
}
