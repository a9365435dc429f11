package prepared

import (
	"strconv"
	"testing"
)

// A statement can be recalled as long as it is there, by whomever it is used; not another that has got its ID.
func TestRecall(t *testing.T) {
	s := NewStatements()
	id := s.Intern(0, noTypes, []byte("select 1"))
	sum := s.Sum(id)
	if !s.Recall(id, sum) || s.Recall(id, sum+1) {
		t.Fatal("one that is in use")
	}
	s.Release(id)
	s.Release(id)
	if !s.Recall(id, sum) || string(s.Text(id)) != "select 1" {
		t.Fatal("one that nobody uses")
	}
	s.Release(id)
	for i := range MaxIdle {
		s.Release(s.Intern(0, noTypes, []byte(strconv.Itoa(i))))
	}
	if s.Recall(id, sum) {
		t.Fatal("one that was forgotten")
	}
	if again := s.Intern(0, noTypes, []byte("select 2")); again != id || s.Recall(id, sum) || !s.Recall(id, s.Sum(id)) {
		t.Fatalf("another with its ID, %d", again)
	}
}
