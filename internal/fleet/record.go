package fleet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// memberID tells members apart. It is random, and the same as long as the process lives.
type memberID [16]byte

// kind is what a record is there for.
type kind byte

const (
	tells  kind = iota // of the tables that it names
	states             // of all tables: nothing is under way at those that it does not name
	joins              // is states, and asks all others for theirs
	leaves             // nothing is under way any more, nor will be
	kinds
)

// record is what a member says.
type record struct {
	from memberID
	// seq counts the records of a member, from 1 on.
	seq  uint64
	kind kind
	// doubt of a state is how long the whole database still counts as being changed, because of a member that is not heard.
	doubt  time.Duration
	tables []told
}

// told is what a record says of a table. The whole database has no name.
type told struct {
	name string
	// pending: a change of it may be committed any moment. changed: it has been, since the record before.
	pending, changed bool
}

// isState reports whether the record is about all tables.
func (r *record) isState() bool { return r.kind == states || r.kind == joins }

const (
	// maxTold bounds the tables of one record; more are the whole database.
	maxTold = 256
	// maxName bounds the name of a table, in bytes; one that is longer is the whole database. Postgres's have 63.
	maxName = 255
	// maxDoubt bounds what another may have us doubt.
	maxDoubt = time.Hour

	recordVersion = 1
)

const (
	flagPending = 1 << iota
	flagChanged
)

// appendRecord appends a record as the log has it:
//
//	version 1, kind 1, from 16, seq uvarint, doubt in ms uvarint, number of tables uvarint, then of each flags 1, length 1, name
func appendRecord(b []byte, r *record) []byte {
	b = append(b, recordVersion, byte(r.kind))
	b = append(b, r.from[:]...)
	b = binary.AppendUvarint(b, r.seq)
	b = binary.AppendUvarint(b, uint64(r.doubt/time.Millisecond))
	b = binary.AppendUvarint(b, uint64(len(r.tables)))
	for _, t := range r.tables {
		if len(t.name) > maxName {
			panic(fmt.Sprintf("bug: a table's name of %d bytes is told", len(t.name)))
		}
		b = append(b, flags(t), byte(len(t.name)))
		b = append(b, t.name...)
	}
	return b
}

func flags(t told) (f byte) {
	if t.pending {
		f |= flagPending
	}
	if t.changed {
		f |= flagChanged
	}
	return f
}

var (
	errVersion   = errors.New("the record is of another version")
	errMalformed = errors.New("the record is malformed")
)

// readRecord reads what appendRecord has written; nothing may follow.
func readRecord(b []byte) (r record, err error) {
	if len(b) > 0 && b[0] != recordVersion {
		return r, errVersion
	}
	d := decoder{rest: b, ok: true}
	d.byte()
	r.kind = kind(d.byte())
	copy(r.from[:], d.bytes(len(r.from)))
	r.seq = d.uvarint()
	doubt, n := d.uvarint(), d.uvarint()
	if !d.ok || r.kind >= kinds || r.seq == 0 || doubt > uint64(maxDoubt/time.Millisecond) || n > maxTold {
		return r, errMalformed
	}
	r.doubt = time.Duration(doubt) * time.Millisecond
	for range n {
		f := d.byte()
		d.ok = d.ok && f&^(flagPending|flagChanged) == 0
		r.tables = append(r.tables, told{name: string(d.bytes(int(d.byte()))), pending: f&flagPending != 0, changed: f&flagChanged != 0})
	}
	if !d.ok || len(d.rest) > 0 {
		return record{}, errMalformed
	}
	return r, nil
}
