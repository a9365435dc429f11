package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// load puts many clients on the playground's pool and shows what becomes of them.
func load(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	clients := flags.Int("clients", 300, "how many clients there are")
	duration := flags.Duration("duration", time.Minute, "how long it goes on")
	think := flags.Duration("think", 5*time.Millisecond, "how long a client thinks between two transactions, on average")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p, err := loadPlayground()
	if err != nil {
		return err
	}
	if err := p.tryQuery(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("%w (the last one does not answer: %v)", errNoPlayground, err)
	}
	ctx, cancel := context.WithTimeout(ctx, *duration)
	defer cancel()
	var all sync.WaitGroup
	m := new(meter)
	for range *clients {
		all.Go(func() { m.client(ctx, p, *think) })
	}
	v := newView(os.Stdout, p, *clients, *duration)
	err = v.show(ctx, m)
	cancel()
	all.Wait()
	v.sum(m)
	if last := m.lastError(); err == nil && m.read().total() == 0 && last != "" {
		err = fmt.Errorf("no transaction succeeded; the last error: %s", last)
	}
	return err
}

// client does transactions until the end, over one connection as long as that lives.
func (m *meter) client(ctx context.Context, p playground, think time.Duration) {
	for ctx.Err() == nil {
		conn, err := pgx.Connect(ctx, pgtest.DSN(p.Pooler, p.User, p.Password, p.Database))
		if err != nil {
			m.failed(ctx, err)
			pause(ctx, time.Second)
			continue
		}
		for ctx.Err() == nil {
			began := time.Now()
			if err := transaction(ctx, conn); err != nil {
				m.failed(ctx, err)
				break
			}
			m.add(time.Since(began))
			pause(ctx, time.Duration(rand.ExpFloat64()*float64(think)))
		}
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		conn.Close(closing)
		cancel()
	}
}

// transaction is one in ten a transaction of three statements, else one prepared query.
func transaction(ctx context.Context, conn *pgx.Conn) error {
	const query = "SELECT sum(i) FROM generate_series(1, $1::int) i"
	var sum int
	if rand.IntN(10) > 0 {
		return conn.QueryRow(ctx, query, 100).Scan(&sum)
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for range 3 {
			if err := tx.QueryRow(ctx, query, 1000).Scan(&sum); err != nil {
				return err
			}
		}
		return nil
	})
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
