package command

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// unknown stands for what is not known, and nothing for what is not there.
const unknown = "-"

// count writes a number with its thousands apart: 1,234,567.
func count[N int | uint64 | uint32](n N) string {
	digits := strconv.FormatUint(uint64(max(0, n)), 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// rate writes how often something happens in a second, in at most six cells: 0, 0.3, 42.1, 8,412, 12.3k.
func rate(r float64) string {
	switch {
	case math.IsNaN(r):
		return unknown
	case r == 0:
		return "0"
	case r < 99.95:
		return fmt.Sprintf("%.1f", r)
	case r < 9999.5:
		return count(uint64(math.Round(r)))
	}
	return scaled(r, 1000, "k", "M", "G", "T")
}

// size writes bytes: 512 B, 3.1 MiB.
func size(n float64) string {
	switch {
	case math.IsNaN(n):
		return unknown
	case n < 1024:
		return fmt.Sprintf("%.0f B", n)
	}
	return scaled(n, 1024, " KiB", " MiB", " GiB", " TiB")
}

// scaled writes a number in the first unit in which it has at most three digits before the point.
func scaled(n, base float64, units ...string) string {
	unit := ""
	for _, unit = range units {
		if n /= base; n < 999.5 {
			break
		}
	}
	if n < 99.95 {
		return fmt.Sprintf("%.1f%s", n, unit)
	}
	return fmt.Sprintf("%.0f%s", n, unit)
}

// duration writes seconds with two or three digits that matter: 250µs, 1.5ms, 12.3s, 4m10s, 3h12m, 5d2h.
func duration(seconds float64) string {
	switch {
	case math.IsNaN(seconds) || seconds < 0:
		return unknown
	case seconds == 0:
		return "0s"
	case seconds < 0.9995e-3:
		return fmt.Sprintf("%.0fµs", seconds*1e6)
	case seconds < 0.09995:
		return fmt.Sprintf("%.1fms", seconds*1e3)
	case seconds < 0.9995:
		return fmt.Sprintf("%.0fms", seconds*1e3)
	case seconds < 59.95:
		return fmt.Sprintf("%.1fs", seconds)
	}
	return longDuration(time.Duration(min(seconds, math.MaxInt64/2e9) * float64(time.Second)))
}

// longDuration writes a minute or more in two units.
func longDuration(d time.Duration) string {
	const day = 24 * time.Hour
	d = d.Round(time.Second)
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
}

// percent writes a share of one.
func percent(share float64) string {
	if math.IsNaN(share) {
		return unknown
	}
	return fmt.Sprintf("%.0f%%", share*100)
}

// enumerate writes names as a sentence has them: a, b and c.
func enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// plural writes how many there are of something.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}
