package discovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// script is a source that says what is written, and the last of it for ever.
type script []func() (Answer, error)

func (s *script) Ask(context.Context) (Answer, error) {
	next := (*s)[0]
	if len(*s) > 1 {
		*s = (*s)[1:]
	}
	return next()
}

func says(address string, again time.Duration) func() (Answer, error) {
	return func() (Answer, error) { return Answer{Upstreams: []Upstream{{Address: address}}, Again: again}, nil }
}

func fails() (Answer, error) { return Answer{}, errors.New("nobody there") }

func unchanged() (Answer, error) { return Answer{Unchanged: true, Again: time.Minute}, nil }

// watched is what Watch does with a source in an hour of its own, line by line with the time.
func watched(t *testing.T, s script) (lines []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		begin := time.Now()
		line := func(format string, args ...any) {
			if len(lines) < 12 {
				lines = append(lines, fmt.Sprintf("%v ", time.Since(begin))+fmt.Sprintf(format, args...))
			}
		}
		Watch(ctx, &s, func(list []Upstream) { line("pushed %s", shown(list)) }, func(err error) {
			if err != nil {
				line("%v", err)
			}
		})
	})
	return lines
}

func TestAnErrorKeepsTheListAndIsTriedAgain(t *testing.T) {
	got := watched(t, script{says("a:1", time.Minute), fails, fails, fails, says("b:1", 10*time.Minute), fails, unchanged})
	want := []string{
		"0s pushed a:1",
		"1m0s nobody there",
		"1m1s nobody there", // 1s, 2s, 4s
		"1m3s nobody there",
		"1m7s pushed b:1",
		"11m7s nobody there", // and from 1s again
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestRetriesAreBounded(t *testing.T) {
	got := watched(t, script{fails})
	want := []string{"0s", "1s", "3s", "7s", "15s", "31s", "1m1s", "1m31s", "2m1s", "2m31s", "3m1s", "3m31s"}
	for i := range want {
		want[i] += " nobody there"
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestAnEmptyListIsPushed(t *testing.T) {
	got := watched(t, script{says("a:1", time.Minute), func() (Answer, error) { return Answer{Again: 2 * time.Hour}, nil }})
	if want := []string{"0s pushed a:1", "1m0s pushed "}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
