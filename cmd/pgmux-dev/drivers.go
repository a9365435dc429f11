package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// drivers brings the database drivers of other languages that the end-to-end tests run, and the browser that looks at our page, where apt and npm are there to
// bring them. The test of a driver that is missing is skipped, and says so.
func drivers(ctx context.Context, _ []string) error {
	var missing []string
	for _, d := range []pgtest.Driver{pgtest.Psycopg, pgtest.Asyncpg, pgtest.JDBC} {
		if _, err := d.Find(); err != nil {
			missing = append(missing, d.Packages...)
		}
	}
	if len(missing) > 0 {
		if err := aptInstall(ctx, missing); err != nil {
			fmt.Printf("testing without some drivers: %v\n", err)
		}
	}
	// By itself: where it cannot be had, the others can.
	if _, err := pgtest.Chromium.Find(); err != nil {
		if err := aptInstall(ctx, pgtest.Chromium.Packages); err != nil {
			fmt.Printf("testing without a browser: %v\n", err)
		}
	}
	if _, err := pgtest.NodePostgres.Find(); err != nil {
		return installNodePostgres(ctx)
	}
	return nil
}

// installNodePostgres keeps it in the cache directory, beside nothing else. What npm leaves unfinished is not taken for it.
func installNodePostgres(ctx context.Context) error {
	if _, err := exec.LookPath("npm"); err != nil {
		fmt.Println("testing without node-postgres: no npm")
		return nil
	}
	dir, err := pgtest.NodePostgresDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the cache directory: %w", err)
	}
	fmt.Println("fetching node-postgres for the tests")
	words := append([]string{"install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund"}, pgtest.NodePostgresPackages...)
	npm := exec.CommandContext(ctx, "npm", words...)
	if out, err := npm.CombinedOutput(); err != nil {
		fmt.Printf("testing without node-postgres: npm does not bring it (%v):\n%s", err, out)
		return os.RemoveAll(dir)
	}
	return nil
}
