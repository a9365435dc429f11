package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/redistest"
)

// packages is what Debian and Ubuntu call the Postgres server and its client programs.
var packages = []string{"postgresql", "postgresql-client"}

// redisPackages is what they call Redis.
var redisPackages = []string{"redis-server"}

// install brings server programs of Postgres and Redis to the machine if there are none.
func install(ctx context.Context, _ []string) error {
	if err := installPostgres(ctx); err != nil {
		return err
	}
	return installRedis(ctx)
}

// installRedis takes Valkey as well.
func installRedis(ctx context.Context) error {
	if _, err := redistest.Program(); err == nil {
		return nil
	}
	return aptInstall(ctx, redisPackages,
		// Debian's package would otherwise start a server of its own on port 6379.
		"mkdir -p /etc/systemd/system && ln -sfn /dev/null /etc/systemd/system/redis-server.service")
}

func installPostgres(ctx context.Context) error {
	_, err := exec.LookPath("psql")
	if err == nil && len(pgtest.Versions()) > 0 {
		return nil
	}
	return aptInstall(ctx, packages,
		"apt-get install -y -qq --no-install-recommends postgresql-common",
		// Debian's server package would otherwise create and start a cluster of its own on port 5432.
		"sed -i 's/^#*create_main_cluster = true/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf")
}

// aptInstall installs packages, after other steps, as root or by a sudo that asks for no password; otherwise it says what
// to do.
func aptInstall(ctx context.Context, names []string, before ...string) error {
	cure := fmt.Errorf("missing: %v; install them (apt-get install %s) and try again", names, strings.Join(names, " "))
	if _, err := exec.LookPath("apt-get"); err != nil {
		return cure
	}
	sudo, err := asRoot(ctx)
	if err != nil {
		return cure
	}
	fmt.Printf("installing %s with apt-get\n", strings.Join(names, ", "))
	steps := append([]string{"apt-get update -qq"}, before...)
	for _, step := range append(steps, "apt-get install -y -qq --no-install-recommends "+strings.Join(names, " ")) {
		line := append(slices.Clone(sudo), "env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", step)
		cmd := exec.CommandContext(ctx, line[0], line[1:]...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", step, err, out)
		}
	}
	return nil
}

// asRoot is what comes before a command that only root may run: nothing if we are root, or a sudo that asks for no password.
func asRoot(ctx context.Context) ([]string, error) {
	if os.Getuid() == 0 {
		return nil, nil
	}
	if err := exec.CommandContext(ctx, "sudo", "-n", "true").Run(); err != nil {
		return nil, fmt.Errorf("asking sudo: %w", err)
	}
	return []string{"sudo", "-n"}, nil
}
