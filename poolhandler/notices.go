package poolhandler

import (
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// maxNotices bounds the notices that wait to be written. A log that is slower than the loops loses lines, not
// queries; how many is said once there is room again.
const maxNotices = 1024

// notices takes lines from the loops, which must not wait for a disk, and writes them on a goroutine of its own.
type notices struct {
	queue   chan any // engine.Notice, or a chan struct{} to be closed when all before it is written
	dropped atomic.Uint64
	logger  func() *zap.Logger
}

func newNotices(logger func() *zap.Logger) *notices {
	n := &notices{queue: make(chan any, maxNotices), logger: logger}
	go n.write()
	return n
}

func (n *notices) add(notice engine.Notice) {
	select {
	case n.queue <- notice:
	default:
		n.dropped.Add(1)
	}
}

// flush returns when everything added before has been written.
func (n *notices) flush() {
	written := make(chan struct{})
	n.queue <- written
	<-written
}

func (n *notices) write() {
	for next := range n.queue {
		switch next := next.(type) {
		case chan struct{}:
			close(next)
		case engine.Notice:
			writeNotice(n.logger(), next)
		}
		if dropped := n.dropped.Swap(0); dropped > 0 {
			n.logger().Warn("the log was too slow; lines about connections are missing", zap.Uint64("lines", dropped))
		}
	}
}

var levels = [...]zapcore.Level{
	engine.Debug: zap.DebugLevel,
	engine.Info:  zap.InfoLevel,
	engine.Warn:  zap.WarnLevel,
	engine.Error: zap.ErrorLevel,
}

// accessLog is the name, behind the app's, of the logger of what becomes of clients: so it can be sent elsewhere, sampled or left out.
const accessLog = "access"

func writeNotice(logger *zap.Logger, n engine.Notice) {
	if n.Life != nil {
		logger = logger.Named(accessLog)
	}
	entry := logger.Check(levels[n.Level], n.Message)
	if entry == nil {
		return
	}
	fields := make([]zap.Field, 0, 12)
	add := func(key, value string) {
		if value != "" {
			fields = append(fields, zap.String(key, value))
		}
	}
	add("pool", n.Pool)
	add("database", n.Database)
	add("user", n.User)
	add("upstream", n.Upstream)
	add("client", n.Address)
	add("application_name", n.Application)
	add("statement", n.Statement)
	if n.Elapsed > 0 {
		fields = append(fields, zap.Duration("elapsed", n.Elapsed))
	}
	if life := n.Life; life != nil {
		add("reason", life.Reason)
		fields = append(fields, zap.Uint64("queries", life.Queries), zap.Duration("age", life.Age), zap.Bool("tls", life.TLS))
		if life.LeftOut > 0 {
			fields = append(fields, zap.Uint64("left_out", life.LeftOut))
		}
	}
	if q := n.Slow; q != nil {
		fields = append(fields, zap.Duration("waited", q.Waited), zap.Uint64("rows", q.Rows))
		if q.LeftOut > 0 {
			fields = append(fields, zap.Uint64("left_out", q.LeftOut))
		}
	}
	add("cause", n.Cause)
	add("stack", string(n.Stack))
	entry.Write(fields...)
}
