package command

import (
	"math"
	"testing"
	"time"
)

func TestNumbersAreForPeople(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(uint64(1234567)), "1,234,567"}, {count(-5), "0"},
		{count(uint64(math.MaxUint64)), "18,446,744,073,709,551,615"},
		{rate(0), "0"}, {rate(0.04), "0.0"}, {rate(42.14), "42.1"}, {rate(99.96), "100"}, {rate(8412), "8,412"}, {rate(9999.6), "10.0k"},
		{rate(123456), "123k"}, {rate(999999), "1.0M"}, {rate(math.NaN()), unknown}, {rate(1e18), "1000000T"},
		{size(0), "0 B"}, {size(1023), "1023 B"}, {size(1024), "1.0 KiB"}, {size(3250000), "3.1 MiB"}, {size(1 << 28), "256 MiB"},
		{size(math.NaN()), unknown},
		{duration(0), "0s"}, {duration(0.00025), "250µs"}, {duration(0.0015), "1.5ms"}, {duration(0.0999), "99.9ms"}, {duration(0.1), "100ms"},
		{duration(0.9996), "1.0s"}, {duration(59.94), "59.9s"}, {duration(59.96), "1m0s"}, {duration(250), "4m10s"}, {duration(11520), "3h12m"},
		{duration(5*86400 + 2*3600), "5d2h"}, {duration(math.NaN()), unknown}, {duration(-1), unknown},
		{duration(1e300), longDuration(math.MaxInt64 / 2)},
		{percent(0.456), "46%"}, {percent(math.NaN()), unknown},
		{enumerate(nil), ""}, {enumerate([]string{"a"}), "a"}, {enumerate([]string{"a", "b", "c"}), "a, b and c"},
		{plural(1, "reply is", "replies are"), "1 reply is"}, {plural(0, "reply is", "replies are"), "0 replies are"},
		{since(nil, noon), unknown},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	if later := noon.Add(time.Hour); since(&later, noon) != "0s" {
		t.Error("clocks differ, so something began in the future")
	}
}
