package poolhandler

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	otel "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// Transactions whose clients tell to which trace they belong become spans of OpenTelemetry, where a pool has `tracing on`. Where they go is said
// by the environment, as for Caddy's own handler `tracing`: OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME and so on.

const (
	// maxSpans bounds the spans that wait to be made. An exporter that is slower loses spans, not queries.
	maxSpans = 4096
	// flushTimeout bounds how long the last of them may take to be sent at exit.
	flushTimeout = 5 * time.Second
)

// spans makes the spans of the process.
type spans struct {
	queue   chan engine.Span
	dropped atomic.Uint64

	mu       sync.Mutex
	provider *sdktrace.TracerProvider // nil: no pool has asked for any yet
	done     chan struct{}
}

// begin gets ready, once. An exporter that cannot be made is told to whoever has asked for it.
func (t *spans) begin(logger func() *zap.Logger) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.provider != nil {
		return nil
	}
	ctx := context.Background()
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return fmt.Errorf("tracing: making the exporter that OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_PROTOCOL ask for: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(otel.String("service.name", "pgmux")), resource.WithFromEnv())
	if err != nil {
		return fmt.Errorf("tracing: reading OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	t.start(sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample()))), logger)
	return nil
}

func (t *spans) start(provider *sdktrace.TracerProvider, logger func() *zap.Logger) {
	t.provider, t.done = provider, make(chan struct{})
	go t.run(provider.Tracer("github.com/pgmux/caddy-pgmux"), logger)
}

// add takes a transaction from a loop, which must not wait.
func (t *spans) add(s engine.Span) {
	select {
	case t.queue <- s:
	default:
		t.dropped.Add(1)
	}
}

func (t *spans) run(tracer trace.Tracer, logger func() *zap.Logger) {
	defer close(t.done)
	for s := range t.queue {
		if s.Parent == "" { // of flush
			return
		}
		makeSpan(tracer, time.Now(), &s)
		if dropped := t.dropped.Swap(0); dropped > 0 {
			logger().Warn("spans come faster than they are made; some are missing", zap.Uint64("spans", dropped))
		}
	}
}

// flush sends what is there, at exit.
func (t *spans) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.provider == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), flushTimeout)
	defer stop()
	select {
	case t.queue <- engine.Span{}:
		<-t.done
	case <-ctx.Done():
	}
	t.provider.Shutdown(ctx)
	t.provider = nil
}

// makeSpan makes one, by the semantic conventions for databases.
func makeSpan(tracer trace.Tracer, now time.Time, s *engine.Span) {
	parent := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": s.Parent})
	began := now.Add(-s.Ago)
	name := strings.ToUpper(s.Kind) + " " + text(s.Database)
	if s.Queries > 1 {
		name = "transaction " + text(s.Database)
	}
	_, span := tracer.Start(parent, name, trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		otel.String("db.system.name", "postgresql"),
		otel.String("db.namespace", text(s.Database)),
		otel.String("db.operation.name", s.Kind),
		otel.String("db.query.text", text(s.Form)),
		otel.Int("db.operation.batch.size", s.Queries),
		otel.String("server.address", s.Upstream),
		otel.String("client.address", s.Address),
		otel.String("pgmux.pool", s.Pool),
		otel.String("pgmux.login", text(s.Login)),
		otel.String("pgmux.application_name", text(s.Application)),
		otel.String("pgmux.route_reason", s.Reason.String()),
		otel.Float64("pgmux.waited_seconds", s.Waited.Seconds()),
	))
	if s.Failed {
		span.SetStatus(codes.Error, "a query failed, or the transaction was not completed")
	}
	span.End(trace.WithTimestamp(began.Add(s.Took)))
}

// text is what a client has written, which may be no UTF-8: an exporter would fail with all spans of its batch.
func text(s string) string { return strings.ToValidUTF8(s, "�") }
