package engine

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// The limit, and past it.
func TestWhatComesToNothingIsSkipped(t *testing.T) {
	var f fruitless
	const form, sameplace = 7, 7 + fruitlessForms
	lookups := func(form uint64, n int) (looked int) {
		for range n {
			if !f.skips(form) {
				looked++
			}
		}
		return looked
	}
	if n := lookups(form, fruitlessAfter); n != fruitlessAfter {
		t.Errorf("%d of the first %d are looked up", n, fruitlessAfter)
	}
	if n := lookups(form, 10*fruitlessShare); n != 10 {
		t.Errorf("%d of %d behind them are looked up", n, 10*fruitlessShare)
	}
	f.bears(form)
	if n := lookups(form, fruitlessAfter); n != fruitlessAfter {
		t.Errorf("after one that has borne fruit, %d of %d are looked up", n, fruitlessAfter)
	}
	if f.skips(sameplace) || f.skips(form) {
		t.Error("a form that comes anew is skipped")
	}
	if n := lookups(0, 2*fruitlessAfter); n != 2*fruitlessAfter {
		t.Errorf("what has no form is looked up %d times of %d", n, 2*fruitlessAfter)
	}
}

// uniqueAsker asks with another parameter each time.
type uniqueAsker struct {
	*cacheRig
	a            *rigSocket
	data, answer []byte
	at           int
}

// newUniqueAsker is one of a pool with a cache of so many bytes; 0: without one.
func newUniqueAsker(t testing.TB, maxBytes int64) *uniqueAsker {
	p := onePool(1)
	p.HiddenState = true
	if maxBytes > 0 {
		p.Cache = CacheConfig{TTL: time.Hour, MaxBytes: maxBytes, MaxEntryBytes: 4 << 10}
	}
	w := &uniqueAsker{cacheRig: newCacheRig(t, 1, p)}
	w.suspects = [][]string{{"reads", "", "0"}}
	w.a = w.client("a")
	w.says(w.a, "Parse: s select from a", "Sync:")
	w.says(w.a, "Bind: s", "Execute:", "Sync:")
	w.quiet = true
	bind := frame(pgwire.Bind, "\x00s\x00\x00\x00\x00\x01\x00\x00\x00\x04", "0000", "\x00\x00")
	w.data, w.at = slices.Concat(bind, said([]string{"Execute:", "Sync:"})), len(bind)-6
	w.answer = slices.Concat(frame(pgwire.BindComplete), dataRow("1"), frame(pgwire.CommandComplete, "SELECT 1\x00"), frame(pgwire.ReadyForQuery, "I"))
	return w
}

// ask asks with a parameter. It reports whether a server had to answer.
func (w *uniqueAsker) ask(parameter uint32) (missed bool) {
	binary.BigEndian.PutUint32(w.data[w.at:], parameter)
	var server loop.ID
	for _, op := range w.step(w.a, w.data) {
		if op.Kind == loop.Send && op.Conn != w.a.id {
			server = op.Conn
		}
	}
	if server != 0 {
		w.stepOf(loop.Event{Kind: loop.Received, Conn: server, Data: w.answer})
	}
	return server != 0
}

// A form that has come to nothing for long is found again soon after it is asked for twice; and other forms never notice.
func TestAFormThatComesToNothingIsFoundAgain(t *testing.T) {
	w := newUniqueAsker(t, 16<<10)
	next := uint32(0)
	fruitless := func(n int) {
		for range n {
			next++
			w.ask(next)
		}
	}
	fruitless(2 * fruitlessAfter)
	w.says(w.a, "select from b wide")
	w.says(w.a, "select from b wide")
	w.hits(w.a, "select from b wide")
	before := w.e.CacheStatus()[0].Bypassed
	fruitless(8 * fruitlessShare)
	if n := w.e.CacheStatus()[0].Bypassed - before; n != 8*fruitlessShare {
		t.Fatalf("%d of %d were not for the cache", n, 8*fruitlessShare)
	}
	asked := 0
	for asked = 0; w.ask(0); asked++ {
		if asked > 4*fruitlessShare {
			t.Fatal("what is asked for again and again is never kept")
		}
	}
	for range 100 {
		if w.ask(0) {
			t.Fatal("what is kept is not found, though the form bears fruit again")
		}
	}
}

// What bears fruit now and then is looked up every time.
func TestAFormThatBearsFruitIsNotSkipped(t *testing.T) {
	w := newUniqueAsker(t, 16<<10)
	for w.ask(0) {
	}
	for i := range uint32(3 * fruitlessAfter) {
		if w.ask(i + 1); i%1000 == 0 && w.ask(0) {
			t.Fatalf("after %d others it is not found", i)
		}
	}
}

// BenchmarkMiss is a query that nobody has asked before, without a cache and with one: what is beside Postgres and the kernel.
func BenchmarkMiss(b *testing.B) {
	for _, maxBytes := range []int64{0, 64 << 20} {
		b.Run(fmt.Sprint(maxBytes, " bytes"), func(b *testing.B) {
			w := newUniqueAsker(b, maxBytes)
			i := uint32(0)
			for range 10 * fruitlessAfter {
				i++
				w.ask(i)
			}
			b.ReportAllocs()
			for b.Loop() {
				i++
				w.ask(i)
			}
		})
	}
}
