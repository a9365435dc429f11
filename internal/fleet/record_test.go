package fleet

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// sampleRecords are of each kind, and at the bounds.
func sampleRecords() []record {
	long := record{from: memberID{9}, seq: 1<<64 - 1, kind: joins, doubt: maxDoubt}
	for i := range maxTold {
		long.tables = append(long.tables, told{name: strings.Repeat("x", i), pending: i%2 == 0, changed: i%3 == 0})
	}
	return []record{
		{from: memberID{1}, seq: 1, kind: tells},
		{from: memberID{1}, seq: 2, kind: tells, tables: []told{{name: "orders", pending: true}, {name: "", changed: true}}},
		{from: memberID{1}, seq: 3, kind: states, doubt: 1500 * time.Millisecond},
		{from: memberID{1}, seq: 4, kind: leaves},
		long,
	}
}

func TestRecordsAreReadAsWritten(t *testing.T) {
	for _, r := range sampleRecords() {
		got, err := readRecord(appendRecord(nil, &r))
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%+v is read as %+v, %v", r, got, err)
		}
	}
}

func TestMalformedRecords(t *testing.T) {
	past := record{from: memberID{1}, seq: 1, tables: make([]told, maxTold+1)}
	for name, b := range map[string][]byte{
		"empty":            nil,
		"more behind it":   append(appendRecord(nil, &record{seq: 1}), 0),
		"an unknown kind":  appendRecord(nil, &record{seq: 1, kind: kinds}),
		"no number":        appendRecord(nil, &record{}),
		"too many tables":  appendRecord(nil, &past),
		"too long a doubt": appendRecord(nil, &record{seq: 1, doubt: maxDoubt + time.Millisecond}),
		"unknown flags":    append(appendRecord(nil, &record{seq: 1})[:len(appendRecord(nil, &record{seq: 1}))-1], 1, 4, 0),
	} {
		if _, err := readRecord(b); err == nil {
			t.Errorf("%s: it is read", name)
		}
	}
	whole := appendRecord(nil, &sampleRecords()[1])
	for i := range whole {
		if _, err := readRecord(whole[:i]); err == nil {
			t.Errorf("%d bytes of %d are read", i, len(whole))
		}
	}
}

func sampleValue() *querycache.Shared {
	return &querycache.Shared{Reply: []byte("T...D...C...Z"), Shape: 1 << 63, Tables: []string{"orders", "items"}, Position: 1 << 60, Left: time.Minute}
}

func TestValuesAreReadAsWritten(t *testing.T) {
	s := sampleValue()
	if got := readValue(appendValue(nil, s)); !reflect.DeepEqual(got, s) {
		t.Errorf("%+v is read as %+v", s, got)
	}
	b := appendValue(nil, s)
	for i := range len(b) - len(s.Reply) + 1 {
		if readValue(b[:i]) != nil {
			t.Errorf("%d bytes of %d are read", i, len(b))
		}
	}
}

func TestWhatIsOffered(t *testing.T) {
	many := make([]string, maxReadTables+1)
	for name, c := range map[string]struct {
		change func(*querycache.Shared)
		want   bool
	}{
		"a reply":                 {func(*querycache.Shared) {}, true},
		"as many tables as may":   {func(s *querycache.Shared) { s.Tables = many[1:] }, true},
		"one more":                {func(s *querycache.Shared) { s.Tables = many }, false},
		"a name as long as may":   {func(s *querycache.Shared) { s.Tables = []string{strings.Repeat("x", maxName)} }, true},
		"one byte more":           {func(s *querycache.Shared) { s.Tables = []string{strings.Repeat("x", maxName+1)} }, false},
		"a table without a name":  {func(s *querycache.Shared) { s.Tables = []string{overflow} }, false},
		"nothing left of its ttl": {func(s *querycache.Shared) { s.Left = time.Microsecond }, false},
	} {
		s := sampleValue()
		c.change(s)
		if got := isOffered(s); got != c.want {
			t.Errorf("%s is offered: %v", name, got)
		}
		if c.want && readValue(appendValue(nil, s)) == nil {
			t.Errorf("%s cannot be read", name)
		}
	}
}

// FuzzRecords: whatever is in the log, reading it ends well, and what is read is what would be written.
func FuzzRecords(f *testing.F) {
	for _, r := range sampleRecords() {
		f.Add(appendRecord(nil, &r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := readRecord(b)
		if err != nil {
			return
		}
		again, err := readRecord(appendRecord(nil, &r))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%x is read as %+v, and that as %+v, %v", b, r, again, err)
		}
	})
}

// FuzzValues: whatever is in the store, reading it ends well, within its bounds.
func FuzzValues(f *testing.F) {
	f.Add(appendValue(nil, sampleValue()))
	f.Add([]byte{valueVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := readValue(b)
		if s == nil {
			return
		}
		if again := readValue(appendValue(nil, s)); !reflect.DeepEqual(again, s) || !bytes.HasSuffix(b, s.Reply) {
			t.Errorf("%x is read as %+v, and that as %+v", b, s, again)
		}
	})
}
