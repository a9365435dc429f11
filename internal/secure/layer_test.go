package secure

import (
	"bytes"
	"crypto/tls"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// seedFlag repeats a failure.
var seedFlag = flag.Uint64("secure.seed", 0, "seed of the random tests; 0 takes one from the clock")

// random returns the numbers of a test, and sees to it that its failure tells the seed.
func random(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to repeat: -secure.seed=%d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 1))
}

// noise is n random bytes.
func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// records cuts ciphertext into records.
func records(t *testing.T, cipher []byte) (all [][]byte) {
	t.Helper()
	for len(cipher) > 0 {
		n := headerBytes + int(cipher[3])<<8 + int(cipher[4])
		all, cipher = append(all, cipher[:n]), cipher[n:]
	}
	return all
}

// TestBytesCutAnywhere: what one end seals the other opens, both ways, whatever its size and wherever it is cut; also if
// crypto/tls has other fields.
func TestBytesCutAnywhere(t *testing.T) {
	test := func(t *testing.T) {
		eachVersion(t, func(t *testing.T, version uint16) {
			s, c := pair(t, first(configs(version)), second(configs(version)))
			r := random(t)
			type way struct {
				from, to          *Conn
				wire, told, heard []byte
			}
			ways := []*way{{from: s, to: c}, {from: c, to: s}}
			for range 600 {
				w := ways[r.IntN(2)]
				b := noise(r, r.IntN(1<<r.IntN(17)))
				w.told = append(w.told, b...)
				w.wire = append(w.wire, seal(t, w.from, b)...)
				for cuts := r.IntN(6); cuts > 0 && len(w.wire) > 0; cuts-- {
					n := 1 + r.IntN(min(len(w.wire), 1<<r.IntN(18)))
					w.heard = append(w.heard, open(t, w.to, w.wire[:n])...)
					w.wire = w.wire[n:]
				}
			}
			for _, w := range ways {
				w.heard = append(w.heard, open(t, w.to, w.wire)...)
				if !bytes.Equal(w.told, w.heard) {
					t.Fatalf("%d bytes were told, %d heard, or others", len(w.told), len(w.heard))
				}
			}
		})
	}
	t.Run("as it is", test)
	t.Run("other fields", func(t *testing.T) { withoutFields(t, test) })
}

// TestOpenAppends: plaintext comes behind what is there, and the ciphertext is left as it is.
func TestOpenAppends(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		s, c := pair(t, first(configs(version)), second(configs(version)))
		cipher := seal(t, c, []byte("world"))
		before := bytes.Clone(cipher)
		plain, _, err := s.Open(cipher, []byte("hello "))
		if string(plain) != "hello world" || err != nil {
			t.Fatalf("%q, %v", plain, err)
		}
		if !bytes.Equal(cipher, before) {
			t.Fatal("the ciphertext has changed")
		}
		if sealed, err := c.Seal([]byte("before"), []byte("x")); err != nil || !bytes.HasPrefix(sealed, []byte("before")) {
			t.Fatalf("%q, %v", sealed, err)
		}
	})
}

// TestRecordsAreFull: a large Seal is as few records as can be, from the first one on; nothing is no record.
func TestRecordsAreFull(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		s, c := pair(t, first(configs(version)), second(configs(version)))
		for bytes, want := range map[int]int{0: 0, 1: 1, maxPayload: 1, maxPayload + 1: 2, 64 * maxPayload: 64, 1<<20 + 1: 65} {
			for _, way := range [][2]*Conn{{s, c}, {c, s}} {
				cipher := seal(t, way[0], make([]byte, bytes))
				if got := len(records(t, cipher)); got != want {
					t.Errorf("%d bytes are %d records instead of %d", bytes, got, want)
				}
				if got := len(open(t, way[1], cipher)); got != bytes {
					t.Errorf("%d bytes of %d arrived", got, bytes)
				}
			}
		}
	})
}

// TestCloseNotify: the end that one layer says the other tells, after the plaintext before it, and again when asked
// again. The other direction stays open.
func TestCloseNotify(t *testing.T) {
	test := func(t *testing.T) {
		eachVersion(t, func(t *testing.T, version uint16) {
			s, c := pair(t, first(configs(version)), second(configs(version)))
			cipher := c.End(seal(t, c, []byte("goodbye")))
			plain, ended, err := s.Open(cipher, nil)
			if string(plain) != "goodbye" || !ended || err != nil {
				t.Fatalf("opened %q, ended: %v, %v", plain, ended, err)
			}
			for _, more := range [][]byte{nil, []byte("what is this?")} {
				if plain, ended, err := s.Open(more, nil); len(plain) != 0 || !ended || err != nil {
					t.Fatalf("then opened %q, ended: %v, %v", plain, ended, err)
				}
			}
			if got := open(t, c, seal(t, s, []byte("one more thing"))); string(got) != "one more thing" {
				t.Fatalf("got %q", got)
			}
			if again := c.End(nil); len(again) != 0 {
				t.Fatalf("said the end twice: %x", again)
			}
			if _, err := c.Seal(nil, []byte("after the end")); err == nil {
				t.Fatal("sealed after the end")
			}
		})
	}
	t.Run("as it is", test)
	t.Run("other fields", func(t *testing.T) { withoutFields(t, test) })
}

// TestBadRecords: what is wrong is an error for ever, after the plaintext before it. The layer says so once, as an alert that
// the peer understands, and then says no more.
func TestBadRecords(t *testing.T) {
	spoilt := func(at int, by byte) func(record []byte) []byte {
		return func(record []byte) []byte {
			record[(at+len(record))%len(record)] ^= by
			return record
		}
	}
	for _, bad := range []struct {
		name  string
		make  func(record []byte) []byte
		alert string
	}{
		{"changed", spoilt(-1, 1), "bad record MAC"},
		{"of another type", spoilt(0, 0xFF), "bad record MAC|unexpected message"},
		{"of another version", spoilt(1, 0xFF), "protocol version"},
		{"in clear", func([]byte) []byte { return []byte{23, 3, 3, 0, 4, 'd', 'r', 'o', 'p'} }, "bad record MAC"},
		{"too long", func([]byte) []byte { return []byte{23, 3, 3, 0xFF, 0xFF} }, "record overflow"},
		{"empty", func([]byte) []byte { return []byte{23, 3, 3, 0, 0} }, "bad record MAC"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version uint16) {
				s, c := pair(t, first(configs(version)), second(configs(version)))
				cipher := append(seal(t, c, []byte("good")), bad.make(seal(t, c, []byte("bad")))...)
				plain, ended, err := s.Open(cipher, nil)
				if string(plain) != "good" || ended || err == nil {
					t.Fatalf("opened %q, ended: %v, %v", plain, ended, err)
				}
				if _, _, again := s.Open(seal(t, c, []byte("good again")), nil); again != err {
					t.Fatalf("then %v instead of %v", again, err)
				}
				if _, _, err := c.Open(s.Own(nil), nil); err == nil || !oneOf(bad.alert, err.Error()) {
					t.Fatalf("the peer was told %v instead of %q", err, bad.alert)
				}
				if _, err := s.Seal(nil, []byte("x")); err == nil {
					t.Fatal("sealed after an error")
				}
				if rest := s.End(s.Own(nil)); len(rest) != 0 {
					t.Fatalf("said more: %x", rest)
				}
			})
		})
	}
}

// oneOf reports that the text has one of the alternatives in it.
func oneOf(alternatives, text string) bool {
	for a := range strings.SplitSeq(alternatives, "|") {
		if strings.Contains(text, a) {
			return true
		}
	}
	return false
}

// TestLostRecord: a record that is missing is noticed.
func TestLostRecord(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		s, c := pair(t, first(configs(version)), second(configs(version)))
		seal(t, c, []byte("lost"))
		if _, _, err := s.Open(seal(t, c, []byte("found")), nil); err == nil {
			t.Fatal("nobody noticed")
		}
	})
}

// FuzzOpen: nobody without the keys makes a layer yield plaintext, end or panic, whatever he sends and however it is cut.
func FuzzOpen(f *testing.F) {
	for _, b := range [][]byte{
		{23, 3, 3, 0, 0}, {23, 3, 3, 0, 1, 1}, {21, 3, 3, 0, 2, 1, 0}, {22, 3, 3, 0, 4, 0, 0, 0, 0}, {20, 3, 3, 0, 1, 1},
		{128, 3, 3, 0, 1, 1}, {23, 3, 3, 255, 255}, {23, 3, 1, 0, 1, 1}, []byte("SELECT 1"), make([]byte, 300),
	} {
		f.Add(b, uint16(3), true)
		f.Add(b, uint16(100), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16, newest bool) {
		version := uint16(tls.VersionTLS12)
		if newest {
			version = tls.VersionTLS13
		}
		s, c := pair(t, first(configs(version)), second(configs(version)))
		at := min(int(cut), len(b))
		for _, end := range []*Conn{s, c} {
			for _, part := range [][]byte{b[:at], b[at:]} {
				if plain, ended, _ := end.Open(part, nil); len(plain) > 0 || ended {
					t.Fatalf("opened %x, ended: %v", plain, ended)
				}
			}
			end.End(end.Own(nil))
		}
	})
}
