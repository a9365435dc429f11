package changes

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// The messages of pgoutput, as Postgres writes them.
func beginMessage(xid uint32) []byte {
	b := binary.BigEndian.AppendUint64([]byte{'B'}, 0x100)
	b = binary.BigEndian.AppendUint64(b, 0)
	return binary.BigEndian.AppendUint32(b, xid)
}

func commitMessage(end uint64, committed time.Time) []byte {
	b := binary.BigEndian.AppendUint64([]byte{'C', 0}, end-8)
	b = binary.BigEndian.AppendUint64(b, end)
	return binary.BigEndian.AppendUint64(b, uint64(toMicroseconds(committed)))
}

func relationMessage(oid uint32, schema, name string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{'R'}, oid)
	return append(append(b, schema+"\x00"+name+"\x00"...), 'd', 0, 0)
}

func rowMessage(kind byte, oid uint32) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, oid), "N and columns"...)
}

func truncateMessage(oids ...uint32) []byte {
	b := append(binary.BigEndian.AppendUint32([]byte{'T'}, uint32(len(oids))), 0)
	for _, oid := range oids {
		b = binary.BigEndian.AppendUint32(b, oid)
	}
	return b
}

func takeAll(d *decoder, messages ...[]byte) (last *transaction, err error) {
	for _, m := range messages {
		if last, err = d.take(m); err != nil {
			return nil, err
		}
	}
	return last, nil
}

func TestATransactionIsItsTables(t *testing.T) {
	d := newDecoder()
	at := time.Date(2026, time.November, 22, 20, 0, 0, 1000, time.UTC)
	got, err := takeAll(d, beginMessage(7), []byte("Onode"), relationMessage(1, "public", "a"), rowMessage('I', 1), rowMessage('U', 1),
		[]byte("Ytype"), relationMessage(2, "other", "b"), rowMessage('D', 2), relationMessage(3, "", "c"), truncateMessage(1, 3),
		commitMessage(0x200, at))
	if err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Values(got.relations)); strings.Join(names, " ") != "a b c" || got.any || got.altered {
		t.Errorf("it has changed %+v", got)
	}
	if got.xid != 7 || got.end != 0x200 || !got.committed.Equal(at) {
		t.Errorf("it is %+v", got)
	}
	got, err = takeAll(d, beginMessage(8), relationMessage(1, "public", "renamed"), rowMessage('I', 1), commitMessage(0x300, at))
	if err != nil || !got.altered || got.relations[1] != "renamed" {
		t.Errorf("a table that was altered: %+v, %v", got, err)
	}
}

func TestATransactionOfManyTablesIsOfAny(t *testing.T) {
	for _, n := range []int{maxTables, maxTables + 1} {
		d := newDecoder()
		messages := [][]byte{beginMessage(7)}
		for oid := range uint32(n) {
			messages = append(messages, relationMessage(oid, "public", fmt.Sprint("t", oid)), rowMessage('I', oid), rowMessage('I', oid))
		}
		got, err := takeAll(d, append(messages, commitMessage(0x200, epoch))...)
		if err != nil || got.any != (n > maxTables) || len(got.relations) != n%(maxTables+1) {
			t.Errorf("%d tables: %v, any %v, told %d", n, err, got.any, len(got.relations))
		}
		if m := (membership{}); got.any && m.tables(got) != nil {
			t.Errorf("%d tables are told one by one", n)
		}
	}
}

func TestTooManyRelations(t *testing.T) {
	d := newDecoder()
	for oid := range uint32(maxRelations) {
		if _, err := d.take(relationMessage(oid, "", "t")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.take(relationMessage(1, "", "t")); err != nil {
		t.Errorf("one that is known: %v", err)
	}
	if _, err := d.take(relationMessage(maxRelations, "", "t")); err == nil {
		t.Error("one more is taken")
	}
}

func TestWhatIsNoMessageIsRefused(t *testing.T) {
	for what, messages := range map[string][][]byte{
		"empty":                       {{}},
		"unknown":                     {{'S', 1, 2, 3}},
		"a Begin cut short":           {beginMessage(7)[:20]},
		"a Begin in a transaction":    {beginMessage(7), beginMessage(8)},
		"a Commit cut short":          {beginMessage(7), commitMessage(9, epoch)[:25]},
		"a Commit of nothing":         {commitMessage(9, epoch)},
		"a row of nothing":            {relationMessage(1, "", "a"), rowMessage('I', 1)},
		"a row of an unnamed table":   {beginMessage(7), rowMessage('I', 1)},
		"a row cut short":             {beginMessage(7), {'I', 0, 0, 0}},
		"a Relation cut short":        {{'R', 0, 0, 0}},
		"a Relation without a schema": {append([]byte{'R', 0, 0, 0, 1}, "public"...)},
		"a Relation without a name":   {append([]byte{'R', 0, 0, 0, 1}, "public\x00a"...)},
		"a Truncate cut short":        {beginMessage(7), relationMessage(1, "", "a"), truncateMessage(1, 1)[:13]},
		"a Truncate that is too long": {beginMessage(7), append(truncateMessage(), 0)},
	} {
		if _, err := takeAll(newDecoder(), messages...); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

func TestWhatTheStreamSays(t *testing.T) {
	d := newDecoder()
	keepalive := append(binary.BigEndian.AppendUint64([]byte{'k'}, 0x123), make([]byte, 8)...)
	if h := d.takeCopyData(append(keepalive, 1)); h.err != nil || h.seen != 0x123 || !h.wantsReply {
		t.Errorf("a keepalive: %+v", h)
	}
	header := append([]byte{'w'}, make([]byte, 24)...)
	d.takeCopyData(append(header, beginMessage(7)...))
	if h := d.takeCopyData(append(header, commitMessage(0x456, epoch)...)); h.err != nil || h.seen != 0x456 || h.transaction == nil {
		t.Errorf("a commit: %+v", h)
	}
	for _, bad := range [][]byte{{}, {'k'}, keepalive, header[:24], {'x', 1, 2, 3}} {
		if h := d.takeCopyData(bad); h.err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// Whatever comes, there is no panic, and nothing grows past its bounds.
func FuzzPgoutput(f *testing.F) {
	for _, m := range [][]byte{
		beginMessage(7), commitMessage(9, epoch), relationMessage(1, "public", "a"), rowMessage('I', 1), truncateMessage(1, 2), []byte("O"),
	} {
		f.Add(beginMessage(1), relationMessage(1, "public", "a"), m)
	}
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		d := newDecoder()
		for _, m := range [][]byte{a, b, c, a, b, c} {
			got, err := d.take(m)
			if err != nil {
				return
			}
			if got != nil && (got.any != (got.relations == nil) || len(got.relations) > maxTables) {
				t.Errorf("after %q, %q, %q: %+v", a, b, c, got)
			}
			d.takeCopyData(m)
		}
	})
}
