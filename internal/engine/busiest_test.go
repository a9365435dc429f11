package engine

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// source is numbers by chance, and says how to have the same again.
func source(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// asksForm counts a query of a form that is given by a number.
func (b *busiest) asksForm(n uint64, elapsed int64) {
	at, has := b.at[n]
	if !has {
		at = b.admit(n, fmt.Appendf(nil, "select %d", n))
	}
	b.count(at, &session.Ran{Kind: session.KindSelect, Rows: 1}, elapsed, 1, ReasonNoChoice)
}

func TestTheBusiestFormsAreExactUpToTheBound(t *testing.T) {
	b := newBusiest()
	for round := range 3 {
		for n := range uint64(maxForms) {
			b.asksForm(n+1, int64(round+1)*1000)
		}
	}
	for i := range b.forms {
		f := &b.forms[i]
		if f.calls != 3 || f.nanos != 6000 || f.longest != 3000 || f.rows != 3 || string(f.text) != fmt.Sprintf("select %d", f.fingerprint) {
			t.Fatalf("%+v", f)
		}
	}
	if b.other.calls != 0 || len(b.forms) != maxForms {
		t.Fatalf("%d forms, and %d calls of others", len(b.forms), b.other.calls)
	}
	b.asksForm(1, 1) // so that it is not the one that goes
	if b.asksForm(maxForms+1, 1000); b.other.calls != 3 || len(b.forms) != maxForms || len(b.at) != maxForms {
		t.Fatalf("past the bound: %d forms, and %d calls of others", len(b.forms), b.other.calls)
	}
	if _, has := b.at[1]; !has {
		t.Fatal("the busier one has gone")
	}
}

// Of a hundred thousand forms that are asked for as Zipf has it, the fifty that take most time are there, with nearly all that they took.
func TestTheBusiestFormsOfManyAreFound(t *testing.T) {
	random := source(t)
	const forms, asked = 100_000, 1_000_000
	zipf := rand.NewZipf(random, 1.1, 8, forms-1)
	b := newBusiest()
	nanos := map[uint64]uint64{}
	var sum figures
	for range asked {
		n := zipf.Uint64() + 1
		elapsed := int64(random.ExpFloat64() * 1e6)
		b.asksForm(n, elapsed)
		nanos[n] += uint64(elapsed)
		sum.calls++
		sum.nanos += uint64(elapsed)
	}
	order := make([]uint64, 0, len(nanos))
	for n := range nanos {
		order = append(order, n)
	}
	slices.SortFunc(order, func(x, y uint64) int { return cmp.Compare(nanos[y], nanos[x]) })
	for rank, n := range order[:50] {
		at, has := b.at[n]
		if !has {
			t.Errorf("the %dth busiest form of %d is not there", rank+1, len(order))
			continue
		}
		if got := float64(b.forms[at].nanos) / float64(nanos[n]); got > 1 || got < 0.95 {
			t.Errorf("of the time of the %dth busiest form, %.3f is told", rank+1, got)
		}
	}
	if all := b.all(); all.calls != sum.calls || all.nanos != sum.nanos || len(b.forms) != maxForms {
		t.Errorf("%d calls of %d, %d ns of %d, %d forms", all.calls, sum.calls, all.nanos, sum.nanos, len(b.forms))
	}
}

// A form that begins to be asked for late is found, though others have been there for long.
func TestAFormThatComesLateIsFound(t *testing.T) {
	random := source(t)
	b := newBusiest()
	for range 200_000 {
		b.asksForm(1+random.Uint64N(5000), 1000)
	}
	const late = 1 << 40
	for range 20_000 {
		b.asksForm(1+random.Uint64N(5000), 1000)
		b.asksForm(late, 1000)
	}
	if at, has := b.at[late]; !has || b.forms[at].calls < 19_000 {
		t.Errorf("of 20000 calls of a form that came late, %v are told", has)
	}
}

func TestHitsOfFormsWithoutAPlace(t *testing.T) {
	b := newBusiest()
	b.hit(nil)
	for n := range uint64(maxForms + 5) {
		b.hit(cacheForm(n + 1))
	}
	b.hit(cacheForm(7))
	if at := b.at[7]; b.forms[at].hits != 2 || b.other.hits != 6 || b.all().calls != maxForms+7 || b.all().hits != maxForms+7 {
		t.Errorf("%d of a form, %d of others, %d in all", b.forms[at].hits, b.other.hits, b.all().hits)
	}
}

// A form that comes first by a hit is shown as it would be if a server had answered: whole up to the bound, and past it cut, which is told.
func TestFormsOfHitsAreClipped(t *testing.T) {
	const most = maxFormText - len(missing)
	for text, want := range map[string]string{
		strings.Repeat("x", most):            strings.Repeat("x", most),
		strings.Repeat("x", most+1):          strings.Repeat("x", most) + missing,
		strings.Repeat("x", most-1) + "éxxx": strings.Repeat("x", most-1) + missing,
		strings.Repeat("\x80", most+1):       strings.Repeat("\x80", most-utf8.UTFMax) + missing, // no UTF-8
	} {
		b := newBusiest()
		if b.hit(&querycache.Form{Fingerprint: 1, Text: text}); string(b.forms[0].text) != want {
			t.Errorf("of %d bytes, %q is shown", len(text), b.forms[0].text[most-2:])
		}
	}
}

// Where there is no time to read every text, each form has what it has on the average, and the sum of calls is exact.
func TestQueriesThatAreNotReadCountAllTheSame(t *testing.T) {
	random := source(t)
	s := New(1, &benchHost{}).Shard(0)
	b := s.busiestOf("app")
	const asked = 200_000
	var truth [2]figures
	texts := [2][]byte{[]byte("select often where id = 1"), []byte("update seldom set x = 'some text' where id = 4711")}
	read := 0
	for range asked {
		which, elapsed := 0, int64(100_000)
		if random.Float64() < 0.2 {
			which, elapsed = 1, 300_000
		}
		s.now += 5_000 // ten bytes' worth
		r := session.Ran{Text: texts[which], Rows: uint64(which)}
		truth[which].count(&r, elapsed, 1, ReasonNoChoice)
		before := b.unread.calls
		if s.countForm(b, &r, elapsed, ReasonNoChoice); b.unread.calls <= before {
			read++
		}
	}
	if share := float64(read) / asked; share > 0.5 || share < 0.2 {
		t.Errorf("%.2f of all were read", share)
	}
	for i := range truth {
		f := &b.forms[b.at[s.env.ReadFingerprint(texts[i], 0)]]
		for what, ratio := range map[string]float64{
			"calls": float64(f.calls) / float64(truth[i].calls), "time": float64(f.nanos) / float64(truth[i].nanos),
		} {
			if math.Abs(ratio-1) > 0.05 {
				t.Errorf("%s of %s: %.3f of the truth", what, texts[i], ratio)
			}
		}
	}
	if all := b.all(); all.calls != asked {
		t.Errorf("%d calls are told of %d", all.calls, asked)
	}
}

// What takes long is read whatever the allowance, and counts for itself alone.
func TestWhatTakesLongIsAlwaysRead(t *testing.T) {
	s := New(1, &benchHost{}).Shard(0)
	b := s.busiestOf("app")
	s.reading = allowedReading{bytes: -1 << 40, at: 1}
	s.countForm(b, &session.Ran{Text: []byte("select quick")}, longReading-1, ReasonNoChoice)
	s.countForm(b, &session.Ran{Text: []byte("select slow")}, longReading, ReasonNoChoice)
	if b.unread.calls != 1 || len(b.forms) != 1 || b.forms[0].calls != 1 || string(b.forms[0].text) != "select slow" {
		t.Errorf("%d are unread, and there are %d forms", b.unread.calls, len(b.forms))
	}
}

func TestTheAllowanceGrowsWithTimeUpToItsBound(t *testing.T) {
	var a allowedReading
	if now := int64(5); !a.any(now) || a.bytes != maxAllowance {
		t.Fatalf("it begins with %d", a.bytes)
	}
	a.bytes = -10
	if a.any(5 + 10*readingNanos) {
		t.Errorf("after the time for ten bytes it is %d", a.bytes)
	}
	if !a.any(5+11*readingNanos) || a.bytes != 1 {
		t.Errorf("after the time for eleven bytes it is %d", a.bytes)
	}
	a.bytes = 0
	if !a.any(int64(time.Hour)) || a.bytes != maxAllowance {
		t.Errorf("after an hour it is %d", a.bytes)
	}
}

func TestThe99thPercentileIsNearTheTruth(t *testing.T) {
	random := source(t)
	for name, next := range map[string]func() float64{
		"all alike":     func() float64 { return 3e6 },
		"evenly":        func() float64 { return 1e6 + random.Float64()*9e6 },
		"exponentially": func() float64 { return random.ExpFloat64() * 5e6 },
		"log-normally":  func() float64 { return math.Exp(random.NormFloat64()) * 1e6 },
		"two humps": func() float64 {
			if random.Float64() < 0.05 {
				return 2e9 + random.Float64()*1e9
			}
			return 1e5
		},
	} {
		var s spread
		all := make([]int64, 50_000)
		for i := range all {
			all[i] = int64(next())
			s[spreadBucket(all[i])]++
		}
		slices.Sort(all)
		truth := all[len(all)*99/100-1]
		got := s.p99(all[len(all)-1])
		if ratio := float64(got) / float64(truth); ratio < 1/1.5 || ratio > 1.5 || name != "two humps" && math.Abs(ratio-1) > 0.2 {
			t.Errorf("%s: p99 is %v, and in truth %v", name, time.Duration(got), time.Duration(truth))
		}
	}
}

func TestSpreadBucketsFollowEachOther(t *testing.T) {
	for i := 1; i < spreadBuckets; i++ {
		from := spreadFrom(i)
		if spreadBucket(from) != i || spreadBucket(from-1) != i-1 {
			t.Errorf("bucket %d begins at %d, which is in %d, and what is before it in %d", i, from, spreadBucket(from), spreadBucket(from-1))
		}
	}
	if spreadBucket(0) != 0 || spreadBucket(math.MaxInt64) != spreadBuckets-1 {
		t.Error("the ends are elsewhere")
	}
	if spreadFrom(1) != 16384 || time.Duration(spreadFrom(spreadBuckets-1)).Round(time.Second) != 69*time.Second {
		t.Errorf("from %d to %v", spreadFrom(1), time.Duration(spreadFrom(spreadBuckets-1)))
	}
}

func TestThe99thPercentileAtTheEnds(t *testing.T) {
	var s spread
	if s.p99(0) != 0 {
		t.Error("nothing has a percentile")
	}
	s[spreadBucket(20)]++
	if got := s.p99(20); got != 20 {
		t.Errorf("of one duration of 20 ns it is %d", got)
	}
	hour := int64(time.Hour)
	s[spreadBucket(hour)] += 1000
	if got := s.p99(hour); got < spreadFrom(spreadBuckets-1) || got > hour {
		t.Errorf("of what is longer than all buckets it is %v", time.Duration(got))
	}
}

// cacheForm is what the cache knows of a form.
func cacheForm(n uint64) *querycache.Form {
	return &querycache.Form{Fingerprint: n, Text: fmt.Sprintf("select %d", n)}
}
