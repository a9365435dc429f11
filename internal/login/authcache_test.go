package login

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// oracle is a Postgres that counts the questions and takes a while to answer.
type oracle struct {
	mu      sync.Mutex
	asked   int
	takes   time.Duration
	secrets map[string]string
	err     error
	ended   int // questions whose context ended first
}

func (o *oracle) ask(ctx context.Context, who Identity) (answer, error) {
	o.mu.Lock()
	o.asked++
	takes := o.takes
	o.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		o.mu.Lock()
		o.ended++
		o.mu.Unlock()
		return answer{}, ctx.Err()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return answer{}, o.err
	}
	text, known := o.secrets[who.User]
	s, err := ParseSecret(text)
	return answer{s, known}, err
}

func (o *oracle) set(user, secret string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.secrets[user] = secret
}

func (o *oracle) questions() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

// asking is an AuthQuery of an oracle, in virtual time.
func asking(t *testing.T, ttl time.Duration, test func(*testing.T, *oracle, *AuthQuery)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := &oracle{secrets: map[string]string{"alice": "one", "bob": "two"}}
		test(t, o, &AuthQuery{answers: newAnswers(ttl, o.ask)})
	})
}

var alice = Identity{User: "alice", Database: "app"}

func mustLookup(t *testing.T, q *AuthQuery, who Identity, secret string, known bool) {
	t.Helper()
	s, ok, err := q.Lookup(t.Context(), who)
	if err != nil || s.text != secret || ok != known {
		t.Fatalf("%s is %q, %v, %v; want %q, %v", who.User, s.text, ok, err, secret, known)
	}
}

func mustHaveAsked(t *testing.T, o *oracle, n int, when string) {
	t.Helper()
	if got := o.questions(); got != n {
		t.Fatalf("%s: %d questions, want %d", when, got, n)
	}
}

func TestAnswersLiveAsLongAsTheirTTL(t *testing.T) {
	asking(t, 10*time.Second, func(t *testing.T, o *oracle, q *AuthQuery) {
		mustLookup(t, q, alice, "one", true)
		o.set("alice", "changed")
		time.Sleep(10*time.Second - 1)
		mustLookup(t, q, alice, "one", true)
		mustHaveAsked(t, o, 1, "before the time is over")
		time.Sleep(time.Nanosecond)
		mustLookup(t, q, alice, "changed", true)
		mustHaveAsked(t, o, 2, "when it is over")
	})
}

func TestAnswersThatThereIsNoSuchUserLiveATenth(t *testing.T) {
	asking(t, 10*time.Second, func(t *testing.T, o *oracle, q *AuthQuery) {
		carol := Identity{User: "carol", Database: "app"}
		mustLookup(t, q, carol, "", false)
		o.set("carol", "new")
		time.Sleep(time.Second - 1)
		mustLookup(t, q, carol, "", false)
		mustHaveAsked(t, o, 1, "within a tenth")
		time.Sleep(time.Nanosecond)
		mustLookup(t, q, carol, "new", true)
		mustHaveAsked(t, o, 2, "after a tenth")
		// Dropped, it keeps its place among the users, but not their time.
		delete(o.secrets, "carol")
		time.Sleep(10 * time.Second)
		mustLookup(t, q, carol, "", false)
		time.Sleep(time.Second)
		mustLookup(t, q, carol, "", false)
		mustHaveAsked(t, o, 4, "dropped")
	})
}

// The age of an answer is counted from its question: what was changed meanwhile it may not tell.
func TestAnswersAgeFromTheirQuestion(t *testing.T) {
	asking(t, 10*time.Second, func(t *testing.T, o *oracle, q *AuthQuery) {
		o.takes = 4 * time.Second
		mustLookup(t, q, alice, "one", true)
		time.Sleep(6*time.Second - 1)
		mustLookup(t, q, alice, "one", true)
		mustHaveAsked(t, o, 1, "10 s after the question, less a moment")
		time.Sleep(time.Nanosecond)
		mustLookup(t, q, alice, "one", true)
		mustHaveAsked(t, o, 2, "10 s after the question")
	})
}

func TestWithoutTTLEveryLoginAsks(t *testing.T) {
	asking(t, 0, func(t *testing.T, o *oracle, q *AuthQuery) {
		for i := range 3 {
			mustLookup(t, q, alice, "one", true)
			mustHaveAsked(t, o, i+1, "without TTL")
		}
	})
}

func TestDatabasesAreAskedApartUnlessOneIsNamed(t *testing.T) {
	asking(t, time.Minute, func(t *testing.T, o *oracle, q *AuthQuery) {
		for _, database := range []string{"a", "b", "a", "b"} {
			mustLookup(t, q, Identity{"alice", database}, "one", true)
		}
		mustHaveAsked(t, o, 2, "two databases")
		q.cfg.Database = "postgres"
		for _, database := range []string{"a", "b", "c"} {
			mustLookup(t, q, Identity{"alice", database}, "one", true)
		}
		mustHaveAsked(t, o, 3, "one database to ask")
	})
}

// A storm of logins asks once a time to live.
func TestStormAsksOnce(t *testing.T) {
	asking(t, 10*time.Second, func(t *testing.T, o *oracle, q *AuthQuery) {
		o.takes = time.Millisecond
		for round := range 3 {
			var all sync.WaitGroup
			for range 5000 {
				all.Go(func() {
					if _, ok, err := q.Lookup(t.Context(), alice); !ok || err != nil {
						t.Error(ok, err)
					}
				})
			}
			all.Wait()
			mustHaveAsked(t, o, round+1, "a storm")
			time.Sleep(10 * time.Second)
		}
	})
}

func TestWhoGoesDoesNotFailTheOthers(t *testing.T) {
	asking(t, 10*time.Second, func(t *testing.T, o *oracle, q *AuthQuery) {
		o.takes = time.Second
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { _, _, err := q.Lookup(ctx, alice); gone <- err }()
		synctest.Wait()
		stays := make(chan error)
		go func() { _, _, err := q.Lookup(t.Context(), alice); stays <- err }()
		synctest.Wait()
		leave()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Fatalf("who goes gets %v", err)
		}
		if err := <-stays; err != nil {
			t.Fatalf("who stays gets %v", err)
		}
		mustHaveAsked(t, o, 1, "two")
	})
}

func TestAQuestionNobodyWaitsForEnds(t *testing.T) {
	asking(t, 10*time.Second, func(t *testing.T, o *oracle, q *AuthQuery) {
		o.takes = time.Hour
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		if _, _, err := q.Lookup(ctx, alice); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		synctest.Wait()
		if o.ended != 1 || len(q.answers.questions) != 0 {
			t.Fatalf("%d ended, %d under way", o.ended, len(q.answers.questions))
		}
		o.takes = 0
		mustLookup(t, q, alice, "one", true)
	})
}

func TestAQuestionIsBoundedInTime(t *testing.T) {
	asking(t, 10*time.Second, func(t *testing.T, o *oracle, q *AuthQuery) {
		o.takes = time.Hour
		began := time.Now()
		_, _, err := q.Lookup(t.Context(), alice)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != questionTimeout {
			t.Fatalf("%v after %s", err, took)
		}
	})
}

// Errors are not remembered, and what was known is not used past its time.
func TestNothingOutlivesItsTimeWhilePostgresIsDown(t *testing.T) {
	asking(t, 10*time.Second, func(t *testing.T, o *oracle, q *AuthQuery) {
		mustLookup(t, q, alice, "one", true)
		o.err = errors.New("down")
		time.Sleep(9 * time.Second)
		mustLookup(t, q, alice, "one", true)
		time.Sleep(time.Second)
		if _, ok, err := q.Lookup(t.Context(), alice); !errors.Is(err, o.err) || ok {
			t.Fatal(ok, err)
		}
		o.err = nil
		mustLookup(t, q, alice, "one", true)
	})
}

func TestAgainAsksWhenTheAnswerIsOlderThanASecond(t *testing.T) {
	asking(t, time.Minute, func(t *testing.T, o *oracle, q *AuthQuery) {
		mustLookup(t, q, alice, "one", true)
		o.set("alice", "new")
		failed := password(t, "one")
		time.Sleep(againAfter)
		if s, ok := q.Again(t.Context(), alice, failed); ok {
			t.Fatalf("within a second: %q", s.text)
		}
		mustHaveAsked(t, o, 1, "within a second")
		time.Sleep(time.Nanosecond)
		if s, ok := q.Again(t.Context(), alice, failed); !ok || s.text != "new" {
			t.Fatalf("after a second: %q, %v", s.text, ok)
		}
		mustHaveAsked(t, o, 2, "after a second")
		// Whoever fails with the old one now is told without a question.
		if s, ok := q.Again(t.Context(), alice, failed); !ok || s.text != "new" {
			t.Fatalf("the next: %q, %v", s.text, ok)
		}
		mustHaveAsked(t, o, 2, "the next")
		mustLookup(t, q, alice, "new", true)
		time.Sleep(2 * againAfter)
		if _, ok := q.Again(t.Context(), alice, password(t, "new")); ok {
			t.Fatal("the same is taken for something else")
		}
		mustHaveAsked(t, o, 3, "a wrong password")
		o.err = errors.New("down")
		time.Sleep(2 * againAfter)
		if _, ok := q.Again(t.Context(), alice, password(t, "new")); ok {
			t.Fatal("an error is taken for something else")
		}
	})
}

// Guessing passwords makes one question a second, for users that exist and those that do not.
func TestGuessingIsBoundedInRate(t *testing.T) {
	for _, user := range []string{"alice", "nobody"} {
		asking(t, time.Minute, func(t *testing.T, o *oracle, q *AuthQuery) {
			who := Identity{user, "app"}
			for range 1000 { // 10 s
				s, _, _ := q.Lookup(t.Context(), who)
				q.Again(t.Context(), who, s)
				time.Sleep(10 * time.Millisecond)
			}
			if n := o.questions(); n < 9 || n > 11 {
				t.Errorf("%s: %d questions in 10 s", user, n)
			}
		})
	}
}

func TestInventedNamesPushOutEachOtherOnly(t *testing.T) {
	asking(t, time.Hour, func(t *testing.T, o *oracle, q *AuthQuery) {
		mustLookup(t, q, alice, "one", true)
		for i := range maxUnknownAnswers + 1 {
			mustLookup(t, q, Identity{fmt.Sprint("x", i), "app"}, "", false)
		}
		if n := len(q.answers.unknown.entries); n != maxUnknownAnswers {
			t.Fatalf("%d names are remembered", n)
		}
		before := o.questions()
		mustLookup(t, q, alice, "one", true)
		mustLookup(t, q, Identity{"x1", "app"}, "", false)
		mustHaveAsked(t, o, before, "a user, and a name that is remembered")
		mustLookup(t, q, Identity{"x0", "app"}, "", false)
		mustHaveAsked(t, o, before+1, "the oldest name")
	})
}

func TestBoundedForgetsTheOldest(t *testing.T) {
	b := newBounded[int, string](3)
	for i := range 4 {
		b.put(i, fmt.Sprint(i))
	}
	b.put(1, "again")
	b.put(4, "4")
	if _, ok := b.get(1); ok || len(b.entries) != 3 || len(b.order) != 3 {
		t.Fatalf("%v", b)
	}
	for i := 2; i < 5; i++ {
		if v, _ := b.get(i); v != fmt.Sprint(i) {
			t.Fatalf("%d is %q", i, v)
		}
	}
}
