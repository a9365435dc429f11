package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// patroni brings Patroni and the etcd it keeps its lease in, where apt is there to bring them. The test of clusters that Patroni runs
// is skipped without, and says so.
func patroni(ctx context.Context, _ []string) error {
	if pgtest.FindPatroni() == nil {
		return nil
	}
	if err := aptInstall(ctx, pgtest.PatroniPackages); err != nil {
		fmt.Printf("testing without Patroni: %v\n", err)
		return nil
	}
	// Debian starts etcd as a service, which nobody asked for. Where there is no service there is nothing to stop.
	if sudo, err := asRoot(ctx); err == nil {
		line := append(slices.Clone(sudo), "service", "etcd", "stop")
		_ = exec.CommandContext(ctx, line[0], line[1:]...).Run()
	}
	return nil
}
