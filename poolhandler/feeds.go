package poolhandler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/changes"
	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// feeds is the streams of changes that pools with `invalidation wal` follow: one for each database whose reads are to be cached, as
// long as the pool is declared so and somebody uses the database.
type feeds struct {
	mu      sync.Mutex
	running map[feedKey]*feed
}

type feedKey struct{ pool, database string }

// feed is one stream.
type feed struct {
	feedKey
	login   feedLogin // as it was when it began
	process *process
	// primary is what is followed: where another becomes the primary, the stream begins anew.
	primary string
	engine  followed
	stop    context.CancelFunc
}

// feedLogin is how a pool follows changes; equal ones are followed alike.
type feedLogin struct {
	user        identity
	tls         *login.ServerTLS
	publication string
}

// followed is who is told of changes: the engine.
type followed interface {
	Follows(pool, database string, published []string)
	FollowsNot(pool, database string)
	Unfollowed(pool, database string)
	Changing(database string, tables []string)
	Changed(database string, tables []string)
	Uses(pool, database string) bool
	PrimaryOf(pool string) string
}

var _ followed = (*engine.Engine)(nil)

// feedCheck is how often it is looked whether a stream is still that of the primary, and needed.
const feedCheck = time.Second

// begin follows the changes of a database.
func (s *feeds) begin(p *process, e followed, k feedKey) {
	pool := p.pool(k.pool)
	if pool == nil || pool.feed == nil {
		e.Unfollowed(k.pool, k.database)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[k] != nil {
		return
	}
	f := &feed{feedKey: k, login: *pool.feed, process: p, engine: e, primary: e.PrimaryOf(k.pool)}
	var ctx context.Context
	ctx, f.stop = context.WithCancel(context.Background())
	if s.running == nil {
		s.running = map[feedKey]*feed{}
	}
	s.running[k] = f
	go s.run(ctx, f)
}

// run follows until the stream is not wanted any more, or is another's; who still wants it says so.
func (s *feeds) run(ctx context.Context, f *feed) {
	go f.watch(ctx)
	stream := changes.Stream{Connect: f.connect, Publication: f.login.publication, Sink: f, Log: f.log}
	stream.Run(ctx)
	f.stop()
	s.mu.Lock()
	delete(s.running, f.feedKey)
	s.mu.Unlock()
	f.engine.Unfollowed(f.pool, f.database)
}

// watch ends the stream when nobody uses the database, the pool follows another way, or another upstream is the primary.
func (f *feed) watch(ctx context.Context) {
	tick := time.NewTicker(feedCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if f.isOver() {
			f.stop()
			return
		}
	}
}

func (f *feed) isOver() bool {
	now := f.now()
	return now == nil || now.user.user != f.login.user.user || now.publication != f.login.publication ||
		!f.engine.Uses(f.pool, f.database) || f.engine.PrimaryOf(f.pool) != f.primary
}

// now is how the pool is followed by the configuration in force; nil: it is not.
func (f *feed) now() *feedLogin {
	if pool := f.process.pool(f.pool); pool != nil {
		return pool.feed
	}
	return nil
}

var errNoPrimary = errors.New("no upstream takes writes")

// connect logs in to the primary.
func (f *feed) connect(ctx context.Context, replication string) (net.Conn, error) {
	now := f.now()
	if now == nil || f.primary == "" {
		return nil, errNoPrimary
	}
	ctx, stop := context.WithTimeout(ctx, feedTimeout)
	defer stop()
	conn, err := login.Open(ctx, login.Target{
		Address: f.primary, Database: f.database, User: now.user.user, Secret: now.user.secret, Replication: replication, TLS: now.tls,
	})
	if err != nil {
		return nil, fmt.Errorf("logging in to %s to follow its changes: %w", f.primary, err)
	}
	return conn, nil
}

// feedTimeout bounds one login.
const feedTimeout = 15 * time.Second

func (f *feed) log(level, message, cause string) {
	at, err := zapcore.ParseLevel(level)
	if err != nil {
		at = zapcore.WarnLevel
	}
	f.process.logger().Log(at, message, zap.String("pool", f.pool), zap.String("database", f.database), zap.String("upstream", f.primary),
		zap.String("cause", cause))
}

// newFeedLogin is how a pool follows changes; nil: it does not.
func newFeedLogin(c *config.Pool, known login.Chain, tls *login.ServerTLS) (*feedLogin, error) {
	if !c.QueryCache.On() || config.Word(c.QueryCache.Invalidation, config.Invalidations) != "wal" {
		return nil, nil
	}
	user, err := newIdentity(cmp.Or(c.QueryCache.ReplicationUser, c.ServerUser), known)
	if err != nil {
		return nil, fmt.Errorf("query_cache.replication_user: %w", err)
	}
	if user == nil {
		return nil, nil // which the check of the configuration refuses
	}
	return &feedLogin{user: *user, tls: tls, publication: cmp.Or(c.QueryCache.Publication, config.DefaultPublication)}, nil
}

// Follows implements changes.Sink.
func (f *feed) Follows(published []string) { f.engine.Follows(f.pool, f.database, published) }

// Changed implements changes.Sink.
func (f *feed) Changed(tables []string, _ time.Time) { f.engine.Changing(f.database, tables) }

// Visible implements changes.Sink.
func (f *feed) Visible(tables []string) { f.engine.Changed(f.database, tables) }

// Lost implements changes.Sink.
func (f *feed) Lost(error) { f.engine.FollowsNot(f.pool, f.database) }
