package console

import (
	"math"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
)

// Numbers are read as they were written, by somebody else's reader.
func TestBinaryNumbersAreRead(t *testing.T) {
	types := pgtype.NewMap()
	for _, n := range []uint64{0, 1, 9, 9999, 10_000, 10_001, 20_000, 99_999_999, 100_000_000, 1<<32 + 7, 120_000_000_000_000, math.MaxInt64, math.MaxUint64} {
		var numeric pgtype.Numeric
		if err := types.Scan(pgtype.NumericOID, pgtype.BinaryFormatCode, encode(numericKind, n, true), &numeric); err != nil {
			t.Fatal(err)
		}
		if text, err := numeric.MarshalJSON(); err != nil || string(text) != strconv.FormatUint(n, 10) {
			t.Errorf("numeric %d is read as %s, %v", n, text, err)
		}
		if n > math.MaxInt64 {
			continue
		}
		var eight int64
		if err := types.Scan(pgtype.Int8OID, pgtype.BinaryFormatCode, encode(int8Kind, n, true), &eight); err != nil || uint64(eight) != n {
			t.Errorf("int8 %d is read as %d, %v", n, eight, err)
		}
		var four int32
		if err := types.Scan(pgtype.Int4OID, pgtype.BinaryFormatCode, encode(int4Kind, n, true), &four); err != nil || uint64(four) != min(n, math.MaxInt32) {
			t.Errorf("int4 %d is read as %d, %v", n, four, err)
		}
	}
}

func TestNegativeNumbersAreZero(t *testing.T) {
	if got := string(encode(int4Kind, -1, false)); got != "0" {
		t.Error(got)
	}
}
