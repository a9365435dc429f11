package config

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes: in JSON a number, or a string with a unit, as the Caddyfile has it: "64KiB", "256MiB".
type Size int64

// What sizes are written in.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

// units are by their names in lower case: those of 1024, and those of 1000 as Caddy has them elsewhere.
var units = map[string]Size{
	"": 1, "b": 1,
	"kib": KiB, "mib": MiB, "gib": GiB, "tib": TiB,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
}

// ParseSize reads what the Caddyfile has: a whole number, and a unit in any case. A number alone is bytes.
func ParseSize(text string) (Size, error) {
	digits := strings.LastIndexAny(text, "0123456789") + 1
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	unit, known := units[strings.ToLower(text[digits:])]
	switch {
	case err != nil || !known:
		return 0, fmt.Errorf("%q is no size; write a whole number with its unit, like 64KiB or 256MiB", text)
	case n > math.MaxInt64/int64(unit) || n < math.MinInt64/int64(unit):
		return 0, fmt.Errorf("%q is more than there can be; write fewer bytes", text)
	}
	return Size(n) * unit, nil
}

// String is the size in the largest unit that it is a whole number of, as ParseSize reads it.
func (s Size) String() string {
	for _, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if size := units[strings.ToLower(unit)]; s != 0 && s%size == 0 {
			return strconv.FormatInt(int64(s/size), 10) + unit
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Size) UnmarshalJSON(text []byte) error {
	var written string
	if err := json.Unmarshal(text, &written); err == nil {
		*s, err = ParseSize(written)
		return err
	}
	var n int64
	if err := json.Unmarshal(text, &n); err != nil {
		return fmt.Errorf("a size is %s, but must be a number of bytes, or a string like \"256MiB\"", text)
	}
	*s = Size(n)
	return nil
}

// Interface guard
var _ json.Unmarshaler = (*Size)(nil)
