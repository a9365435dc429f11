package session

import "testing"

func TestKindsOfTags(t *testing.T) {
	for tag, want := range map[string]QueryKind{
		"SELECT 1": KindSelect, "INSERT 0 1": KindInsert, "UPDATE 2": KindUpdate, "DELETE 3": KindDelete, "MERGE 4": KindMerge,
		"COPY 5": KindCopy, "BEGIN": KindTransaction, "START TRANSACTION": KindTransaction, "COMMIT": KindTransaction,
		"COMMIT PREPARED": KindTransaction, "ROLLBACK": KindTransaction, "SAVEPOINT": KindTransaction, "RELEASE": KindTransaction,
		"COMMENT": KindOther, "CREATE TABLE": KindOther, "DO": KindOther, "": KindOther,
	} {
		if got := kindOf([]byte(tag)); got != want {
			t.Errorf("%q is of kind %v, want %v", tag, got, want)
		}
	}
}
