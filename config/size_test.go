package config

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestSizesAreWholeNumbersWithAUnit(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "1000": 1000, "7B": 7, "64KiB": 64 << 10, "256MiB": 256 << 20, "2GiB": 2 << 30, "1TiB": 1 << 40,
		"1kB": 1000, "1KB": 1000, "3mb": 3_000_000, "1GB": 1e9, "1tb": 1e12, "64kib": 64 << 10, "-5MiB": -5 << 20,
		"9223372036854775807": math.MaxInt64, "8388607TiB": 8388607 << 40,
	} {
		if got, err := ParseSize(text); got != want || err != nil {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"":                    `"" is no size; write a whole number with its unit, like 64KiB or 256MiB`,
		"MiB":                 "is no size",
		"many":                "is no size",
		"64 KiB":              "is no size",
		"1.5GiB":              "is no size",
		"64K":                 "is no size",
		"64KiB/s":             "is no size",
		"1e3":                 "is no size",
		"9223372036854775808": "is no size",
		"8388608TiB":          "is more than there can be",
		"-8388609TiB":         "is more than there can be",
	} {
		if got, err := ParseSize(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is %d, %v, want %s", text, got, err, says)
		}
	}
}

func TestASizeIsSaidAsItIsWritten(t *testing.T) {
	for size, want := range map[Size]string{
		0: "0B", 1: "1B", 1000: "1000B", 1024: "1KiB", 1536: "1536B", 64 * KiB: "64KiB", 256 * MiB: "256MiB", 1024 * MiB: "1GiB", 3 * TiB: "3TiB",
		-2 * MiB: "-2MiB", math.MaxInt64: "9223372036854775807B",
	} {
		if got := size.String(); got != want {
			t.Errorf("%d is said as %s, want %s", int64(size), got, want)
		}
		if back, err := ParseSize(want); back != size || err != nil {
			t.Errorf("%s is read as %d, %v, want %d", want, back, err, int64(size))
		}
	}
}

func TestSizesInJSONAreNumbersOrStrings(t *testing.T) {
	for text, want := range map[string]Size{`1024`: KiB, `"1KiB"`: KiB, `"1024"`: KiB, `-1`: -1} {
		var got Size
		if err := json.Unmarshal([]byte(text), &got); got != want || err != nil {
			t.Errorf("%s is %d, %v, want %d", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		`1.5`: `a size is 1.5, but must be a number of bytes, or a string like "256MiB"`, `true`: "a size is true", `[]`: "a size is []",
		`"big"`: `"big" is no size`,
	} {
		var got Size
		if err := json.Unmarshal([]byte(text), &got); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s is %d, %v, want %s", text, got, err, says)
		}
	}
	if text, err := json.Marshal(KiB); string(text) != "1024" || err != nil {
		t.Errorf("1KiB is saved as %s, %v", text, err)
	}
}
