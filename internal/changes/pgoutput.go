package changes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

const (
	// maxTables bounds the tables of one transaction that are told apart: past that it is any.
	maxTables = 10_000
	// maxRelations bounds the tables whose names one stream knows.
	maxRelations = 1 << 18
)

// transaction is what one has changed.
type transaction struct {
	xid       uint32
	end       uint64 // where its commit ends
	committed time.Time
	relations map[uint32]string // their names, by oid
	any       bool              // more than maxTables
	altered   bool              // something of one of them
}

// decoder reads what pgoutput sends, protocol version 1 ("Logical Replication Message Formats"). Of a transaction it keeps the tables.
type decoder struct {
	names map[uint32]string // by oid
	open  *transaction      // between Begin and Commit
}

func newDecoder() *decoder { return &decoder{names: map[uint32]string{}} }

var errShort = errors.New("it ends too soon")

// take takes one message, which may be cut behind what is needed of a row, and returns the transaction that it has committed, if any.
func (d *decoder) take(message []byte) (*transaction, error) {
	if len(message) == 0 {
		return nil, errors.New("pgoutput sent an empty message")
	}
	kind, body := message[0], message[1:]
	var done *transaction
	var err error
	switch kind {
	case 'B':
		err = d.begin(body)
	case 'C':
		done, err = d.commit(body)
	case 'R':
		err = d.relation(body)
	case 'I', 'U', 'D':
		err = d.row(body)
	case 'T':
		err = d.truncate(body)
	case 'O', 'Y', 'M': // where it comes from, a type, a message of somebody's: no change
	default:
		err = errors.New("there is no such message in version 1")
	}
	if err != nil {
		return nil, fmt.Errorf("reading message %q of pgoutput: %w", kind, err)
	}
	return done, nil
}

func (d *decoder) begin(b []byte) error {
	switch {
	case len(b) < 20:
		return errShort
	case d.open != nil:
		return errors.New("a transaction is open already")
	}
	d.open = &transaction{xid: binary.BigEndian.Uint32(b[16:]), relations: map[uint32]string{}}
	return nil
}

func (d *decoder) commit(b []byte) (*transaction, error) {
	switch {
	case len(b) < 25:
		return nil, errShort
	case d.open == nil:
		return nil, errors.New("no transaction is open")
	}
	done := d.open
	d.open = nil
	done.end = binary.BigEndian.Uint64(b[9:])
	done.committed = fromMicroseconds(int64(binary.BigEndian.Uint64(b[17:])))
	return done, nil
}

// relation is told ahead of the first change of a table, and again when anything of it has been altered: also what it is a part of.
func (d *decoder) relation(b []byte) error {
	if len(b) < 4 {
		return errShort
	}
	oid := binary.BigEndian.Uint32(b)
	_, b, ok := pgwire.CString(b[4:])
	if !ok {
		return errShort
	}
	name, _, ok := pgwire.CString(b)
	if !ok {
		return errShort
	}
	_, known := d.names[oid]
	switch {
	case known && d.open != nil:
		d.open.altered = true
	case !known && len(d.names) == maxRelations:
		return fmt.Errorf("there are more than %d tables", maxRelations)
	}
	d.names[oid] = string(name)
	return nil
}

func (d *decoder) row(b []byte) error {
	if len(b) < 4 {
		return errShort
	}
	return d.change(binary.BigEndian.Uint32(b))
}

func (d *decoder) truncate(b []byte) error {
	if len(b) < 5 {
		return errShort
	}
	n, oids := int(binary.BigEndian.Uint32(b)), b[5:]
	if len(oids) != 4*n {
		return errShort
	}
	for ; len(oids) > 0; oids = oids[4:] {
		if err := d.change(binary.BigEndian.Uint32(oids)); err != nil {
			return err
		}
	}
	return nil
}

// change notes that a table has changed.
func (d *decoder) change(oid uint32) error {
	name, named := d.names[oid]
	switch {
	case d.open == nil:
		return errors.New("no transaction is open")
	case !named:
		return fmt.Errorf("table %d has not been named", oid)
	}
	d.open.add(oid, name)
	return nil
}

func (t *transaction) add(oid uint32, name string) {
	_, known := t.relations[oid]
	switch {
	case known || t.any:
	case len(t.relations) == maxTables:
		t.any, t.relations = true, nil
	default:
		t.relations[oid] = name
	}
}
