package routing

// Sum is a number of 64 bits for an address or a key, never 0: what Candidate.Hash and Request.Key are made with. Equal texts
// have equal numbers in all processes, so that several instances of us send a key to the same upstream. It is FNV-1a, mixed.
func Sum[T string | []byte](text T) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * prime
	}
	return max(mix(h), 1)
}

// mix spreads all bits of a number over all of another one; it is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
