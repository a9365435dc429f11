package main

import (
	"testing"
	"time"
)

func TestALineOfThePictureNeverWraps(t *testing.T) {
	for _, c := range []struct {
		text string
		want string
	}{
		{"short", "short"},
		{"██▒▒··████", "██▒▒··██"},
		{"two\nlines", "two line"},
	} {
		if got := cut(c.text, 8); got != c.want {
			t.Errorf("%q at 8 columns: got %q, want %q", c.text, got, c.want)
		}
	}
}

func TestBarShowsTwoShares(t *testing.T) {
	for _, c := range []struct {
		full, half, whole int
		want              string
	}{
		{0, 0, 20, "··········"},
		{10, 6, 20, "█████▒▒▒··"},
		{20, 20, 20, "██████████"},
		{1, 1, 0, "██████████"},
	} {
		if got := bar(c.full, c.half, c.whole, 10); got != c.want {
			t.Errorf("%d and %d of %d: got %s, want %s", c.full, c.half, c.whole, got, c.want)
		}
	}
}

func TestQuantilesAreAtMostAnEighthTooHigh(t *testing.T) {
	m := new(meter)
	for i := range 1000 {
		m.add(time.Duration(i+1) * time.Millisecond)
	}
	for q, exact := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond} {
		if got := m.read().quantile(q); got < exact || got > exact+exact/8+time.Millisecond {
			t.Errorf("quantile %v: got %v, want %v or up to an eighth more", q, got, exact)
		}
	}
}
