package routing

// slowest is which part of its share an upstream gets that has just come back: its caches are cold, and all that waited for it
// would be there at once.
const slowest = 16

// MaxWeight is the greatest weight an upstream may have; more counts as that.
const MaxWeight = 1 << 20

// weightOf is the weight in units of WeightUnit at a time. That of an upstream that has come back up grows from a sixteenth to all
// of it in SlowStart. One that was never down has all of it from the beginning, or a pool would begin with hardly any.
func weightOf(weight int, h *health, now int64, s *Settings) uint32 {
	full := int64(min(max(weight, 1), MaxWeight)) * WeightUnit
	since := now - h.since
	if !h.returned || since >= int64(s.SlowStart) {
		return uint32(full)
	}
	grown := float64(max(since, 0)) / float64(s.SlowStart)
	return uint32(float64(full) * (1 + (slowest-1)*grown) / slowest)
}
