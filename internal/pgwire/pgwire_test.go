package pgwire

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

func encoded(tb testing.TB, m interface {
	Encode(dst []byte) ([]byte, error)
}) []byte {
	tb.Helper()
	b, err := m.Encode(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// What we build is what pgproto3 builds.
func TestBuildersAgreeWithPgproto3(t *testing.T) {
	types := []byte{0, 2, 0, 0, 0, 25, 0, 0, 0, 23}
	bind := &pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "s", ParameterFormatCodes: []int16{1}, Parameters: [][]byte{[]byte("v"), nil}}
	theirs := encoded(t, bind)
	_, _, end, _ := Names2(theirs[HeaderLen:])
	remainder := theirs[HeaderLen+end:]
	long := &pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "another name", ParameterFormatCodes: bind.ParameterFormatCodes, Parameters: bind.Parameters}
	for name, c := range map[string]struct{ ours, theirs []byte }{
		"ReadyForQuery":   {AppendReady(nil, 'T'), encoded(t, &pgproto3.ReadyForQuery{TxStatus: 'T'})},
		"Sync":            {AppendEmpty(nil, Sync), encoded(t, &pgproto3.Sync{})},
		"Flush":           {AppendEmpty(nil, Flush), encoded(t, &pgproto3.Flush{})},
		"ParseComplete":   {AppendEmpty(nil, ParseComplete), encoded(t, &pgproto3.ParseComplete{})},
		"CloseComplete":   {AppendEmpty(nil, CloseComplete), encoded(t, &pgproto3.CloseComplete{})},
		"Terminate":       {AppendEmpty(nil, Terminate), encoded(t, &pgproto3.Terminate{})},
		"ParameterStatus": {AppendParameterStatus(nil, "a", "b"), encoded(t, &pgproto3.ParameterStatus{Name: "a", Value: "b"})},
		"BackendKeyData":  {AppendBackendKeyData(nil, 7, 8), encoded(t, &pgproto3.BackendKeyData{ProcessID: 7, SecretKey: []byte{0, 0, 0, 8}})},
		"Query":           {AppendQuery(nil, "select 1"), encoded(t, &pgproto3.Query{String: "select 1"})},
		"Parse": {AppendParse(nil, []byte("s"), []byte("select 1"), types),
			encoded(t, &pgproto3.Parse{Name: "s", Query: "select 1", ParameterOIDs: []uint32{25, 23}})},
		"Describe": {AppendStatement(nil, Describe, []byte("s")), encoded(t, &pgproto3.Describe{ObjectType: 'S', Name: "s"})},
		"Close":    {AppendStatement(nil, Close, nil), encoded(t, &pgproto3.Close{ObjectType: 'S'})},
		"CopyFail": {AppendCopyFail(nil, "no"), encoded(t, &pgproto3.CopyFail{Message: "no"})},
		"Bind":     {append(AppendBind(nil, []byte("p"), []byte("another name"), len(remainder)), remainder...), encoded(t, long)},
	} {
		if !bytes.Equal(c.ours, c.theirs) {
			t.Errorf("%s: ours is\n%q\nand pgproto3's\n%q", name, c.ours, c.theirs)
		}
		if FrameLen(c.ours) != len(c.ours) {
			t.Errorf("%s: FrameLen is %d of %d", name, FrameLen(c.ours), len(c.ours))
		}
	}
}

// Builders append: what was there stays.
func TestBuildersAppend(t *testing.T) {
	got := AppendError(AppendQuery(AppendReady([]byte("before"), 'I'), "q"), "ERROR", "08006", "m", "", "h")
	rest, ok := bytes.CutPrefix(got, []byte("before"))
	if !ok {
		t.Fatalf("%q", got)
	}
	for _, typ := range []byte{ReadyForQuery, Query, ErrorResponse} {
		if rest[0] != typ {
			t.Fatalf("message %q and not %q", rest[0], typ)
		}
		rest = rest[FrameLen(rest):]
	}
	if len(rest) != 0 {
		t.Fatalf("%q is left", rest)
	}
}

// An error told as another keeps what else it says, but for the line.
func TestAnErrorAsAnother(t *testing.T) {
	const rest = "WCOPY t, line 2\x00Fcopyfromparse.c\x00"
	message := func(fields string) []byte {
		return append([]byte{ErrorResponse, 0, 0, 0, byte(4 + len(fields))}, fields...)
	}
	got := AppendErrorAs([]byte("before"), message("SERROR\x00C57014\x00Mfailed\x00"+rest+"L318\x00RCopyGetData\x00\x00"), "08006", "unexpected")
	want := append([]byte("before"), message("SERROR\x00C08006\x00Munexpected\x00"+rest+"RCopyGetData\x00\x00")...)
	if !bytes.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

func TestErrors(t *testing.T) {
	m := AppendError(nil, "FATAL", "57P01", "going away", "detail", "hint")
	var theirs pgproto3.ErrorResponse
	if err := theirs.Decode(m[HeaderLen:]); err != nil {
		t.Fatal(err)
	}
	if theirs.Severity != "FATAL" || theirs.SeverityUnlocalized != "FATAL" || theirs.Code != "57P01" || theirs.Message != "going away" ||
		theirs.Detail != "detail" || theirs.Hint != "hint" {
		t.Fatalf("pgproto3 reads %+v", theirs)
	}
	for field, want := range map[byte]string{'S': "FATAL", 'C': "57P01", 'M': "going away", 'H': "hint", 'R': ""} {
		if got := string(ErrorField(m, field)); got != want {
			t.Errorf("field %c is %q", field, got)
		}
	}
	if bytes.Contains(AppendError(nil, "ERROR", "08006", "m", "", ""), []byte{0, 'D'}) {
		t.Error("an empty detail is sent")
	}
}

func TestFrames(t *testing.T) {
	header := func(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{'Q'}, n) }
	for _, n := range []uint32{0, 1, 3, 0x80000000, 0xFFFFFFFF} {
		if got := FrameLen(header(n)); got >= HeaderLen {
			t.Errorf("a length of %d makes a frame of %d", n, got)
		}
	}
	for _, c := range []struct {
		typ    byte
		length int
		legal  bool
	}{
		{Query, HeaderLen, true}, {Query, HeaderLen - 1, false}, {Query, MaxFrame, true}, {Query, MaxFrame + 1, false},
		{Sync, HeaderLen, true}, {Sync, MaxSmallFrame, true}, {Sync, MaxSmallFrame + 1, false}, {Bind, 1 << 20, true},
		{PasswordReply, 10, false}, {0, 10, false}, {DataRow, 1 << 20, false},
	} {
		if got := LegalClientFrame(c.typ, c.length); got != c.legal {
			t.Errorf("type %q of %d bytes: %v", c.typ, c.length, got)
		}
	}
	for typ := range 256 {
		if KnownClientType(byte(typ)) != bytes.ContainsRune([]byte("BCdcfDEHFPQSX"), rune(typ)) {
			t.Errorf("type %q", byte(typ))
		}
	}
}

func TestBodies(t *testing.T) {
	if _, _, _, ok := ParseBody([]byte("s\x00select\x00\x00\x01\x00\x00\x00")); ok {
		t.Error("a Parse with too few types is taken")
	}
	if _, _, _, ok := ParseBody([]byte("s\x00select\x00\x00\x00x")); ok {
		t.Error("a Parse with something behind its types is taken")
	}
	if _, _, ok := CString([]byte("abc")); ok {
		t.Error("a string without an end is taken")
	}
	if a, b, end, ok := Names2([]byte("\x00\x00rest")); !ok || len(a)+len(b) != 0 || end != 2 {
		t.Error("two empty names")
	}
	if _, _, ok := Parameter([]byte("name\x00value")); ok {
		t.Error("a value without an end is taken")
	}
	if n, v, ok := Parameter([]byte("name\x00value\x00")); !ok || string(n) != "name" || string(v) != "value" {
		t.Error("a parameter")
	}
}

// FuzzParse: what ParseBody reads is what pgproto3 reads, and it is never less strict.
func FuzzParse(f *testing.F) {
	f.Add([]byte("s\x00select $1\x00\x00\x01\x00\x00\x00\x19"))
	f.Add([]byte("\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		name, text, types, ok := ParseBody(body)
		if !ok {
			return
		}
		var theirs pgproto3.Parse
		if err := theirs.Decode(body); err != nil {
			t.Fatalf("pgproto3 refuses what we take: %v", err)
		}
		if theirs.Name != string(name) || theirs.Query != string(text) || len(types) != 2+4*len(theirs.ParameterOIDs) {
			t.Fatalf("pgproto3 reads %+v", theirs)
		}
		again := AppendParse(nil, name, text, types)
		if !bytes.Equal(again[HeaderLen:], body) {
			t.Fatalf("built again it is %q", again)
		}
	})
}

// FuzzBind: a Bind under another name is the same Bind to pgproto3.
func FuzzBind(f *testing.F) {
	f.Add([]byte("p\x00s\x00\x00\x00\x00\x01\x00\x00\x00\x01v\x00\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		portal, name, end, ok := Names2(body)
		var before, after pgproto3.Bind
		if before.Decode(body) != nil {
			return
		}
		if !ok || before.DestinationPortal != string(portal) || before.PreparedStatement != string(name) {
			t.Fatalf("pgproto3 reads %+v", before)
		}
		m := append(AppendBind(nil, portal, []byte("other"), len(body)-end), body[end:]...)
		if FrameLen(m) != len(m) {
			t.Fatalf("a length of %d for %d bytes", FrameLen(m), len(m))
		}
		if err := after.Decode(m[HeaderLen:]); err != nil {
			t.Fatal(err)
		}
		if after.PreparedStatement != "other" || len(after.Parameters) != len(before.Parameters) {
			t.Fatalf("it has become %+v", after)
		}
		for i, v := range after.Parameters {
			if !bytes.Equal(v, before.Parameters[i]) {
				t.Fatalf("parameter %d has become %q", i, v)
			}
		}
	})
}

// FuzzErrorField: no message makes it panic, and it finds what pgproto3 finds.
func FuzzErrorField(f *testing.F) {
	f.Add(AppendError(nil, "ERROR", "42601", "syntax error", "d", "h"))
	f.Add([]byte("E\x00\x00\x00\x05\x00"))
	f.Add([]byte("E\x00\x00\x00\x08SERR"))
	f.Fuzz(func(t *testing.T, m []byte) {
		code := ErrorField(m, 'C')
		if len(m) < HeaderLen || bytes.Count(m[HeaderLen:], []byte{0, 'C'}) != 1 {
			return // Of fields that come twice, pgproto3 takes the last.
		}
		var theirs pgproto3.ErrorResponse
		if theirs.Decode(m[HeaderLen:]) == nil && m[HeaderLen] != 'C' && theirs.Code != string(code) {
			t.Fatalf("code %q, and pgproto3 reads %q", code, theirs.Code)
		}
	})
}

func TestNothingAllocates(t *testing.T) {
	m := AppendParse(nil, []byte("s"), []byte("select 1"), []byte{0, 0})
	bind := encoded(t, &pgproto3.Bind{PreparedStatement: "s"})
	dst := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		ParseBody(m[HeaderLen:])
		portal, name, end, _ := Names2(bind[HeaderLen:])
		dst = AppendBind(dst[:0], portal, name, len(bind)-HeaderLen-end)
		dst = AppendError(dst, "ERROR", "08006", "m", "d", "h")
		ErrorField(dst, 'C')
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}
