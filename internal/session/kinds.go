package session

import "bytes"

// QueryKind is what sort of statement a reply was for, by the tag of its CommandComplete.
type QueryKind uint8

// The kinds. KindOther is everything else, and what has failed.
const (
	KindOther QueryKind = iota
	KindSelect
	KindInsert
	KindUpdate
	KindDelete
	KindMerge
	KindCopy
	KindTransaction
	QueryKinds // how many there are
)

var queryKinds = [QueryKinds]string{"other", "select", "insert", "update", "delete", "merge", "copy", "transaction"}

// String is the kind as metrics have it.
func (k QueryKind) String() string { return queryKinds[k] }

// kindOf is the kind of a CommandComplete's tag. SELECT is looked for first: most are that.
func kindOf(tag []byte) QueryKind {
	if len(tag) < 3 {
		return KindOther
	}
	if string(tag[:3]) == "SEL" {
		return KindSelect
	}
	switch string(tag[:3]) {
	case "INS":
		return KindInsert
	case "UPD":
		return KindUpdate
	case "DEL":
		return KindDelete
	case "MER":
		return KindMerge
	case "COP":
		return KindCopy
	case "BEG", "STA", "ROL", "SAV", "REL":
		return KindTransaction
	case "COM":
		if !bytes.HasPrefix(tag, []byte("COMMENT")) {
			return KindTransaction
		}
	}
	return KindOther
}
