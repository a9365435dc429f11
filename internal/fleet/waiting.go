package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/again"
)

// What waits for the store, each on a goroutine of its own.

// readAll reads the log behind a position, until there is trouble.
func (l *life) readAll(ctx context.Context, behind uint64) {
	for ctx.Err() == nil {
		records, last, err := l.store.Read(ctx, l.names.log(), behind)
		if err == nil && len(records) > 0 && behind != 0 && last != behind+uint64(len(records)) {
			err = errGap
		}
		if err == nil && len(records) == 0 {
			continue
		}
		select {
		case l.reads <- read{records, last, err}:
		case <-ctx.Done():
		}
		if err != nil {
			return
		}
		behind = last
	}
}

// appendAll writes what it is given.
func (l *life) appendAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-l.records:
			position, err := l.appendOne(ctx, b)
			l.appended <- appended{position, err}
		}
	}
}

func (l *life) appendOne(ctx context.Context, b []byte) (uint64, error) {
	ctx, stop := context.WithTimeout(ctx, l.pace.Patience)
	defer stop()
	return l.store.Append(ctx, l.names.log(), b)
}

var errGeneration = errors.New("the store is another one than it was: it was started anew, or another server has taken over")

// watch asks for the generation again and again.
func (l *life) watch(ctx context.Context) {
	for {
		again.Rest(ctx, l.pace.Heartbeat)
		if ctx.Err() != nil {
			return
		}
		if err := l.checkGeneration(ctx); err != nil {
			l.troubles <- err
			return
		}
	}
}

func (l *life) checkGeneration(ctx context.Context) error {
	asking, stop := context.WithTimeout(ctx, l.pace.Patience)
	defer stop()
	now, err := l.store.Generation(asking)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case now != l.generation:
		return errGeneration
	}
	return nil
}

// fetchTimeout bounds a Fetch: a client waits for it, and a server would have answered long since.
const fetchTimeout = 50 * time.Millisecond
