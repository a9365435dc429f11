package wire

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// conversation is frames of all lengths that matter: none, one byte, more than a header.
func conversation() (stream []byte, frames []Frame) {
	add := func(tag byte, body string) {
		stream = Append(stream, tag, []byte(body))
		f := Frame{Tag: tag}
		if body != "" {
			f.First = body[0]
		}
		frames = append(frames, f)
	}
	add('S', "")
	add('Z', "I")
	add('T', "columns of some length")
	add('D', "row")
	add('H', "")
	add('Z', "T")
	return stream, frames
}

// cutUp scans a stream in pieces whose lengths next gives.
func cutUp(stream []byte, next func() int) (found []Frame, s Scanner) {
	for len(stream) > 0 {
		piece := stream[:min(next(), len(stream))]
		stream = stream[len(piece):]
		for len(piece) > 0 {
			f, n := s.Next(piece)
			piece = piece[n:]
			if f.Tag != 0 {
				f.Body = nil
				found = append(found, f)
			}
		}
	}
	return found, s
}

func same(a, b []Frame) bool {
	return slices.EqualFunc(a, b, func(x, y Frame) bool { return x.Tag == y.Tag && x.First == y.First })
}

func TestScannerFindsFramesInPiecesOfAnySize(t *testing.T) {
	stream, want := conversation()
	for size := 1; size <= len(stream); size++ {
		got, s := cutUp(stream, func() int { return size })
		if !same(got, want) || !s.Between() {
			t.Fatalf("in pieces of %d: %v, want %v", size, got, want)
		}
	}
}

func TestScannerFindsFramesInRandomPieces(t *testing.T) {
	stream, want := conversation()
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 0))
		got, s := cutUp(stream, func() int { return 1 + random.IntN(12) })
		if !same(got, want) || !s.Between() {
			t.Fatalf("seed %d: %v, want %v", seed, got, want)
		}
	}
}

func TestScannerKnowsThatItIsInsideAFrame(t *testing.T) {
	stream, _ := conversation()
	_, s := cutUp(stream[:len(stream)-1], func() int { return 7 })
	if s.Between() {
		t.Fatal("one byte is missing, and the scanner believes to be between frames")
	}
}

func TestScannerRefusesLengthsThatCannotBe(t *testing.T) {
	for _, size := range []int{1, 3, 100} {
		_, s := cutUp([]byte{'Q', 0, 0, 0, 3, 'x'}, func() int { return size })
		if !s.Bad() {
			t.Fatalf("in pieces of %d: a frame of length 3 is taken for one", size)
		}
	}
}
