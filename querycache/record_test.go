package querycache

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// said is a reply in short: each word is a message, its type and, behind a colon, its body, in which _ is a blank. A CommandComplete has its
// NUL.
func said(words string) (b []byte) {
	for word := range strings.FieldsSeq(words) {
		typ, body := word[0], strings.ReplaceAll(strings.TrimPrefix(word[1:], ":"), "_", " ")
		if typ == pgwire.CommandComplete {
			body += "\x00"
		}
		b = append(b, typ, 0, 0, 0, byte(4+len(body)))
		b = append(b, body...)
	}
	return b
}

// recorded is the recording of a reply that came in pieces of that length, of at most that many bytes.
func recorded(kind Kind, reply []byte, piece, most int) *Recording {
	r := &Recording{}
	r.Begin(kind, pgwire.StatusIdle, most, nil)
	for len(reply) > piece {
		r.Add(reply[:piece])
		reply = reply[piece:]
	}
	r.Add(reply)
	return r
}

const noBound = math.MaxInt32

var completeReplies = []struct {
	kind  Kind
	reply string
	rows  int
}{
	{SimpleQuery, "T:col D:a D:b C:SELECT_2 Z:I", 2},
	{SimpleQuery, "T:col C:SELECT_0 Z:I", 0},
	{SimpleQuery, "T C:SELECT_0 Z:I", 0},
	{Executed, "2 D:a C:SELECT_1 Z:I", 1},
	{Executed, "1 2 D:a C:SELECT_1 Z:I", 1},
	{Executed, "1 2 C:SELECT_0 Z:I", 0},
	{DescribedExecuted, "2 T:col D:a C:SELECT_1 Z:I", 1},
	{DescribedExecuted, "1 2 T:col C:SELECT_0 Z:I", 0},
	{DescribedExecuted, "2 n C:SELECT_0 Z:I", 0},
	{Described, "t:types T:col Z:I", 0},
	{Described, "1 t:types n Z:I", 0},
}

// However it is cut into pieces, a whole reply is kept, without its ParseComplete.
func TestRepliesThatAreComplete(t *testing.T) {
	for _, c := range completeReplies {
		for _, piece := range []int{1, 2, 3, 7, 1000} {
			r := recorded(c.kind, said(c.reply), piece, noBound)
			if r.State() != Complete {
				t.Fatalf("kind %d: %s in pieces of %d: state %d", c.kind, c.reply, piece, r.State())
			}
			want := said(strings.TrimPrefix(c.reply, "1 "))
			if got := r.Reply(); !bytes.Equal(got, want) || cap(got) != len(got) || r.Rows() != c.rows {
				t.Errorf("kind %d: %s in pieces of %d: %q and %d rows, want %q and %d", c.kind, c.reply, piece, got, r.Rows(), want, c.rows)
			}
			if got, want := string(r.Columns()), "col"; strings.Contains(c.reply, "T:col") && got != want {
				t.Errorf("kind %d: %s: columns %q", c.kind, c.reply, got)
			}
		}
	}
}

// What is not whole yet is neither complete nor failed.
func TestRepliesThatAreGoing(t *testing.T) {
	for _, c := range completeReplies {
		reply := said(c.reply)
		for n := range reply {
			if r := recorded(c.kind, reply[:n], noBound, noBound); r.State() != Going {
				t.Errorf("kind %d: %d bytes of %s: state %d", c.kind, n, c.reply, r.State())
			}
		}
	}
}

func TestRepliesThatAreNotKept(t *testing.T) {
	for _, c := range []struct {
		kind  Kind
		reply string
		why   string
	}{
		{SimpleQuery, "T:col N:careful D:a C:SELECT_1 Z:I", "a notice"},
		{SimpleQuery, "T:col D:a C:SELECT_1 N:careful Z:I", "a notice behind the tag"},
		{SimpleQuery, "S:setting T:col D:a C:SELECT_1 Z:I", "a ParameterStatus"},
		{SimpleQuery, "T:col D:a A:channel C:SELECT_1 Z:I", "a notification"},
		{SimpleQuery, "T:col D:a E:wrong Z:I", "an error amid rows"},
		{SimpleQuery, "E:wrong Z:I", "an error"},
		{SimpleQuery, "I Z:I", "an empty query"},
		{SimpleQuery, "H:copy d:a c C:COPY_1 Z:I", "COPY TO"},
		{SimpleQuery, "G:copy", "COPY FROM"},
		{SimpleQuery, "T:col D:a C:SELECT_1 T:col D:a C:SELECT_1 Z:I", "two statements"},
		{SimpleQuery, "C:SELECT_1 Z:I", "SELECT INTO has no columns"},
		{SimpleQuery, "T:col D:a C:SELECT_1 Z:T", "in a transaction"},
		{SimpleQuery, "T:col D:a C:SELECT_1 Z:E", "in a failed transaction"},
		{SimpleQuery, "T:col D:a C:SELECT_1 Z:II", "no status that there is"},
		{SimpleQuery, "T:col D:a C:UPDATE_1 Z:I", "UPDATE … RETURNING"},
		{SimpleQuery, "T:col D:a C:SHOW Z:I", "SHOW"},
		{SimpleQuery, "T:col D:a C:FETCH_1 Z:I", "FETCH"},
		{SimpleQuery, "1 T:col D:a C:SELECT_1 Z:I", "a ParseComplete to a Query"},
		{Executed, "2 D:a s Z:I", "a portal that is suspended"},
		{Executed, "2 C:SELECT_5 Z:I", "CREATE TABLE AS: the rows went elsewhere"},
		{Executed, "2 D:a C:SELECT_01 Z:I", "a count as Postgres does not write it"},
		{Executed, "2 T:col D:a C:SELECT_1 Z:I", "described though it was not asked for"},
		{Executed, "1 1 2 D:a C:SELECT_1 Z:I", "two ParseCompletes"},
		{Executed, "3 2 D:a C:SELECT_1 Z:I", "a Close as well"},
		{Executed, "2 D:a C:SELECT_1 2 D:a C:SELECT_1 Z:I", "two executions"},
		{DescribedExecuted, "2 D:a C:SELECT_1 Z:I", "not described"},
		{DescribedExecuted, "T:col 2 D:a C:SELECT_1 Z:I", "described before it was bound"},
		{Described, "T:col Z:I", "a portal, not a statement"},
		{Described, "t T:col 2 C:SELECT_0 Z:I", "executed as well"},
		{Described, "t Z:I", "no columns, and not that there are none"},
	} {
		for _, piece := range []int{1, 1000} {
			if r := recorded(c.kind, said(c.reply), piece, noBound); r.State() != Failed {
				t.Errorf("%s: kind %d: %s in pieces of %d: state %d", c.why, c.kind, c.reply, piece, r.State())
			}
		}
	}
	for _, header := range []string{"D\x00\x00\x00\x03", "D\x80\x00\x00\x00", "D\xff\xff\xff\xff"} {
		if r := recorded(SimpleQuery, append(said("T:col"), header...), 1, noBound); r.State() != Failed {
			t.Errorf("a message that begins %q: state %d", header, r.State())
		}
	}
}

// At the bound a reply is kept, past it not; a ParseComplete does not count. No more is copied than the bound.
func TestRecordingsAreBounded(t *testing.T) {
	for _, words := range []string{"2 D:row C:SELECT_1 Z:I", "1 2 D:row C:SELECT_1 Z:I"} {
		reply := said(words)
		size := len(said(strings.TrimPrefix(words, "1 ")))
		for _, piece := range []int{1, 1000} {
			if r := recorded(Executed, reply, piece, size); r.State() != Complete {
				t.Errorf("%s: state %d at the bound", words, r.State())
			}
			if r := recorded(Executed, reply, piece, size-1); r.State() != Failed {
				t.Errorf("%s: state %d past the bound", words, r.State())
			}
		}
	}
	var r Recording
	r.Begin(SimpleQuery, pgwire.StatusIdle, 100, nil)
	r.Add(append(said("T:col"), 'D', 0, 1, 0, 0))
	if r.State() != Failed {
		t.Error("a row that is going to be too long is waited for")
	}
	r.Add(make([]byte, 1<<20))
	if b := r.Buffer(); cap(b) > 200 {
		t.Errorf("%d bytes were kept of a reply that may have 100", cap(b))
	}
}

// Nothing is recorded before Begin, nor after Buffer.
func TestRecordingsThatHaveNotBegun(t *testing.T) {
	var r Recording
	r.Add(said("T:col D:a C:SELECT_1 Z:I"))
	if r.State() != Failed || r.Columns() != nil || r.Rows() != 0 {
		t.Errorf("state %d, columns %q, %d rows", r.State(), r.Columns(), r.Rows())
	}
	r = *recorded(SimpleQuery, said("T:col D:a C:SELECT_1 Z:I"), noBound, noBound)
	r.Buffer()
	if r.State() != Failed {
		t.Errorf("state %d of one whose buffer was given away", r.State())
	}
}

// A recording in a buffer that is large enough costs nothing, whether it succeeds or not.
func TestRecordingsDoNotAllocate(t *testing.T) {
	reply, wrong := said("1 2 D:a D:b C:SELECT_2 Z:I"), said("1 2 N:careful D:a C:SELECT_1 Z:I")
	var r Recording
	buf := make([]byte, 0, 1000)
	for _, b := range [][]byte{reply, wrong} {
		if n := testing.AllocsPerRun(100, func() {
			r.Begin(Executed, pgwire.StatusIdle, 1000, buf)
			r.Add(b[:9])
			r.Add(b[9:])
			buf = r.Buffer()
		}); n != 0 {
			t.Errorf("%q: %v allocations", b, n)
		}
	}
}

// FuzzRecording checks that it does not matter how a reply is cut into pieces, that only what was said is kept, and that what is kept
// can be recorded again.
func FuzzRecording(f *testing.F) {
	for _, c := range completeReplies {
		f.Add(byte(c.kind), said(c.reply), uint8(3), uint16(1000))
		f.Add(byte(c.kind), said(c.reply), uint8(1), uint16(20))
	}
	f.Add(byte(SimpleQuery), said("T:col N:careful D:a C:SELECT_1 Z:I"), uint8(2), uint16(1000))
	f.Add(byte(SimpleQuery), said("T:col D:a C:SELECT_1 Z:I A:channel"), uint8(5), uint16(1000))
	f.Add(byte(Executed), append(said("2"), 'D', 0xff, 0xff, 0xff, 0xff), uint8(1), uint16(1000))
	f.Fuzz(func(t *testing.T, k byte, reply []byte, piece uint8, most uint16) {
		kind := Kind(k % byte(len(replies)))
		one, pieces := recorded(kind, reply, len(reply), int(most)), recorded(kind, reply, max(int(piece), 1), int(most))
		if one.State() != pieces.State() {
			t.Fatalf("state %d at once, %d in pieces of %d", one.State(), pieces.State(), piece)
		}
		if one.State() != Complete {
			return
		}
		kept := one.Reply()
		if !bytes.Equal(kept, pieces.Reply()) || one.Rows() != pieces.Rows() || !bytes.Equal(one.Columns(), pieces.Columns()) {
			t.Fatalf("%q and %q in pieces of %d", kept, pieces.Reply(), piece)
		}
		if !bytes.Contains(reply, kept) || len(kept) > int(most) {
			t.Fatalf("%q of %q, of which %d bytes may be kept", kept, reply, most)
		}
		if again := recorded(kind, kept, len(kept), int(most)); again.State() != Complete || !bytes.Equal(again.Reply(), kept) {
			t.Fatalf("%q does not give itself: state %d", kept, again.State())
		}
	})
}

// Of a client that has asked for more, the next replies follow at once.
func TestWhatFollowsIsOfTheNextReply(t *testing.T) {
	const reply = "T:col D:a C:SELECT_1 Z:I"
	for _, piece := range []int{1, 7, 1000} {
		r := recorded(SimpleQuery, said(reply+" T:col D:b C:SELECT_1 Z:I E:wrong Z:I"), piece, noBound)
		if r.State() != Complete || !bytes.Equal(r.Reply(), said(reply)) {
			t.Errorf("in pieces of %d: state %d, %q", piece, r.State(), r.Reply())
		}
	}
	if r := recorded(SimpleQuery, said(reply+" T:col D:b C:SELECT_1 Z:I"), 1000, len(said(reply))); r.State() != Complete {
		t.Errorf("just as long as may be, and more follows: state %d", r.State())
	}
}
