package poolhandler

import (
	"testing"
	"time"
	"unicode/utf8"

	otel "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

const aParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// recordedSpans is spans that end in memory.
func recordedSpans() (*spans, *tracetest.SpanRecorder) {
	recorder := tracetest.NewSpanRecorder()
	t := &spans{queue: make(chan engine.Span, maxSpans)}
	t.start(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)), zap.NewNop)
	return t, recorder
}

// A transaction becomes a span of its client's trace, as long as it took and as late as it was, with what is known of it.
func TestSpans(t *testing.T) {
	all, recorder := recordedSpans()
	before := time.Now()
	all.add(engine.Span{Parent: aParent, Pool: "app", Database: "db", Login: "alice", Upstream: "pg:5432", Kind: "select", Form: "select $n",
		Ago: 3 * time.Second, Took: 2 * time.Second, Waited: time.Second, Reason: engine.ReasonReads, Queries: 1})
	all.add(engine.Span{Parent: aParent, Database: "db", Kind: "begin", Queries: 3, Failed: true})
	all.add(engine.Span{Parent: aParent, Database: "d\xffb", Kind: "select", Form: "select \xff", Login: "\xff", Application: "\xff", Queries: 1})
	all.flush()
	ended := recorder.Ended()
	if len(ended) != 3 {
		t.Fatalf("%d spans", len(ended))
	}
	one, two := ended[0], ended[1]
	if one.Parent().SpanID().String() != "b7ad6b7169203331" || one.SpanContext().TraceID().String() != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("it belongs to %v", one.Parent())
	}
	if took := one.EndTime().Sub(one.StartTime()); one.Name() != "SELECT db" || took != 2*time.Second || one.StartTime().Before(before.Add(-3*time.Second)) {
		t.Errorf("%s, from %v, took %v", one.Name(), one.StartTime(), took)
	}
	has := otel.NewSet(one.Attributes()...)
	for key, want := range map[string]string{"db.query.text": "select $n", "server.address": "pg:5432", "pgmux.route_reason": "reads", "pgmux.login": "alice"} {
		if v, _ := has.Value(otel.Key(key)); v.AsString() != want {
			t.Errorf("%s is %q", key, v.AsString())
		}
	}
	if two.Name() != "transaction db" || two.Status().Code != codes.Error {
		t.Errorf("%s: %v", two.Name(), two.Status())
	}
	for _, a := range ended[2].Attributes() {
		if !utf8.ValidString(a.Value.String()) || !utf8.ValidString(ended[2].Name()) {
			t.Errorf("%s of %q is no text", a.Key, ended[2].Name())
		}
	}
}

// What its client does not want sampled is not.
func TestSpansThatAreNotSampled(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	all := &spans{queue: make(chan engine.Span, maxSpans)}
	all.start(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample()))), zap.NewNop)
	all.add(engine.Span{Parent: aParent[:53] + "00", Queries: 1})
	all.flush()
	if n := len(recorder.Ended()); n != 0 {
		t.Fatalf("%d spans", n)
	}
}

// Spans past the bound are lost, and no loop waits.
func TestSpansAreBounded(t *testing.T) {
	all := &spans{queue: make(chan engine.Span, maxSpans)}
	for range maxSpans + 3 {
		all.add(engine.Span{Parent: aParent})
	}
	if n := all.dropped.Load(); n != 3 || len(all.queue) != maxSpans {
		t.Fatalf("%d lost, %d wait", n, len(all.queue))
	}
}
