//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/checker"
)

// readsAtOnce is how many times the same is read, on average. A write makes all replies invalid that come of its table: with fewer reads for
// each write there would be few that are cached.
const readsAtOnce = 9

// cacheClient is one that writes registers and reads them.
type cacheClient struct {
	session int
	chance  *rand.Rand
	// through the pooler, and past it.
	pooled, direct *speaker
	registers      []*register
	primary        string // its port
	reads          []checker.Read
	writes         int
}

// run writes one register and reads it, or another, some times, again and again until the context ends. What has begun is finished.
func (k *cacheClient) run(ctx context.Context) error {
	for ctx.Err() == nil {
		g := pick(k.chance, k.registers)
		if err := k.write(context.WithoutCancel(ctx), g); err != nil {
			return err
		}
		if k.chance.IntN(2) == 0 {
			g = pick(k.chance, k.registers)
		}
		if err := k.readSometimes(context.WithoutCancel(ctx), g); err != nil {
			return err
		}
	}
	return nil
}

// write writes a register, unless another client does, or it is not for this one.
func (k *cacheClient) write(ctx context.Context, g *register) error {
	if !k.mayWrite(g) || !g.TryLock() {
		return nil
	}
	defer g.Unlock()
	w := &writing{cacheClient: k, speaker: k.pooled, g: g, steps: pick(k.chance, g.writes), dialect: pick(k.chance, dialects)}
	if g.bypassed {
		w.speaker = k.direct
	}
	for {
		m := pick(k.chance, writeEndings)
		if m.fits == nil || m.fits(w) {
			w.ending = m.name
			k.writes++
			return m.do(w, ctx)
		}
	}
}

// mayWrite tells that every other client only reads, because who writes is served by the primary until the replicas have replayed it; and
// that every fourth may write what costs it its place in the pool.
func (k *cacheClient) mayWrite(g *register) bool {
	return k.session%2 == 0 && (!g.pins || k.session%4 == 0)
}

// readSometimes asks for a register, always with the same words: only what is asked again can be cached.
func (k *cacheClient) readSometimes(ctx context.Context, g *register) error {
	sql, d := pick(k.chance, g.reads), pick(k.chance, dialects)
	for range 1 + k.chance.IntN(2*readsAtOnce-1) {
		if err := k.read(ctx, g, sql, d); err != nil {
			return err
		}
	}
	return nil
}

func (k *cacheClient) read(ctx context.Context, g *register, sql string, d dialect) error {
	began := time.Now().UnixNano()
	answer, err := k.pooled.read(ctx, d, sql, g.id)
	ended := time.Now().UnixNano()
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	port, at, err := answer.computed()
	if err != nil {
		return err
	}
	r := checker.Read{Register: g.index, Began: began, Ended: ended, Version: answer.version, Twin: answer.twin,
		Computed: at, AtReplica: port != k.primary, How: d.name}
	if r.Version > 0 || r.Cached() { // who finds nothing has met a TRUNCATE; nothing may be kept of that
		k.reads = append(k.reads, r)
	}
	return nil
}

// pick is one of several.
func pick[T any](chance *rand.Rand, all []T) T { return all[chance.IntN(len(all))] }
