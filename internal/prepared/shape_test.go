package prepared

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// column is one of a RowDescription.
type column struct {
	name        string
	table, oid  uint32
	modifier    uint32
	formatValue uint16
}

func description(columns ...column) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(columns)))
	for _, c := range columns {
		b = append(append(b, c.name...), 0)
		b = binary.BigEndian.AppendUint32(b, c.table)
		b = append(b, 0, 1)
		b = binary.BigEndian.AppendUint32(b, c.oid)
		b = append(b, 0, 4)
		b = binary.BigEndian.AppendUint32(b, c.modifier)
		b = binary.BigEndian.AppendUint16(b, c.formatValue)
	}
	return b
}

func TestAShapeIsNamesTypesAndModifiers(t *testing.T) {
	base := ShapeOf(description(column{name: "a", oid: 23}, column{name: "b", oid: 25}))
	for what, other := range map[string][]byte{
		"a column more":    description(column{name: "a", oid: 23}, column{name: "b", oid: 25}, column{name: "c", oid: 25}),
		"a column less":    description(column{name: "a", oid: 23}),
		"another order":    description(column{name: "b", oid: 25}, column{name: "a", oid: 23}),
		"another name":     description(column{name: "a", oid: 23}, column{name: "bb", oid: 25}),
		"another type":     description(column{name: "a", oid: 20}, column{name: "b", oid: 25}),
		"another modifier": description(column{name: "a", oid: 23}, column{name: "b", oid: 25, modifier: 13}),
		"no columns":       description(),
	} {
		if ShapeOf(other) == base {
			t.Errorf("%s is no other shape", what)
		}
	}
	if same := description(column{name: "a", oid: 23, table: 7}, column{name: "b", oid: 25, formatValue: 1}); ShapeOf(same) != base {
		t.Error("the table or the format makes another shape")
	}
	for _, cut := range []string{"", "\x00", "\x00\x01a", "\x00\x01a\x00\x00\x00"} {
		if got := ShapeOf([]byte(cut)); got <= TooWide {
			t.Errorf("of %q the shape is %d, which means something else", cut, got)
		}
	}
	wide := description(column{name: strings.Repeat("w", 63), oid: 25})
	if n := testing.AllocsPerRun(100, func() { ShapeOf(wide) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Processes tell each other shapes: if this fails, shapes are made otherwise, and shapeVersion has to change.
func TestAShapeIsTheSameInEveryProcess(t *testing.T) {
	if got := ShapeOf(description(column{name: "a", oid: 23}, column{name: "a longer name", oid: 25, modifier: 13})); got != 0x894f34aede5dc896 {
		t.Errorf("%#x", uint64(got))
	}
}

// Shapes of descriptions that differ little differ.
func TestShapesDiffer(t *testing.T) {
	seen := map[Shape]string{}
	for oid := range uint32(300) {
		for length := range 12 {
			for modifier := range uint32(4) {
				name := fmt.Sprintf("%d of %d bytes, modifier %d", oid, length, modifier)
				shape := ShapeOf(description(column{name: strings.Repeat("x", length), oid: oid, modifier: modifier - 1}))
				if was := seen[shape]; was != "" {
					t.Fatalf("%s has the shape of %s", name, was)
				}
				seen[shape] = name
			}
		}
	}
}

func TestWhatIsKnownOfACopyEndsWithIt(t *testing.T) {
	var s ServerSet
	s.Note(hashNo(1), Copy{Shape: 7}) // of none: nothing
	s.Add(hashNo(1), 3)
	if _, c := s.Look(hashNo(1), 3); c != (Copy{}) {
		t.Errorf("of a new copy is known: %v", c)
	}
	s.Note(hashNo(1), Copy{Shape: 7, At: 2})
	if state, c := s.Look(hashNo(1), 3); state != Present || c != (Copy{Shape: 7, At: 2}) {
		t.Errorf("known is %v, of a copy that is %v", c, state)
	}
	if state, c := s.Look(hashNo(1), 4); state != Stale || c.Shape != 7 {
		t.Errorf("known is %v, of a copy that is %v", c, state)
	}
	for i := 2; i < 40; i++ { // others come and go: the table grows, and slots move
		s.Add(hashNo(i), 0)
	}
	for i := 2; i < 40; i += 2 {
		s.Remove(hashNo(i))
	}
	if _, c := s.Look(hashNo(1), 3); c.Shape != 7 {
		t.Errorf("known is %v after others have come and gone", c)
	}
	s.Add(hashNo(1), 3)
	if _, c := s.Look(hashNo(1), 3); c != (Copy{}) {
		t.Errorf("of the copy that took its place is known: %v", c)
	}
}

func TestWhatAClientWasToldIsOfItsNameAndStatement(t *testing.T) {
	n := NewNames()
	var alice, bob uint32
	told := func(client uint32) Shape {
		_, shape, _ := n.Told(client, []byte("s"))
		return shape
	}
	n.Set(1, &alice, []byte("s"), 10)
	n.Set(2, &bob, []byte("s"), 10)
	n.Tell(1, []byte("s"), 10, 7)
	if told(1) != 7 || told(2) != 0 {
		t.Errorf("told: %d and %d", told(1), told(2))
	}
	n.Tell(2, []byte("s"), 11, 8) // it stands for another meanwhile
	n.Tell(2, []byte("t"), 10, 8) // nobody's
	if told(2) != 0 {
		t.Errorf("told of another statement: %d", told(2))
	}
	n.Set(1, &alice, []byte("s"), 12) // the same text under other settings
	if told(1) != 7 {
		t.Errorf("it is forgotten what was told: %d", told(1))
	}
	n.Delete(1, &alice, []byte("s"))
	n.Set(1, &alice, []byte("s"), 12)
	if told(1) != 0 {
		t.Errorf("told of a new statement: %d", told(1))
	}
}
