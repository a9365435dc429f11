//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"testing"
)

// shares counts who serves one client's reads that come one after another.
func (c *cluster) shares(t *testing.T, p *pooler, reads int) map[string]int {
	t.Helper()
	client := connect(t, p.Addr)
	defer client.leave()
	_, replicas := c.ports()
	var seen tally
	for range reads {
		by := client.value(servedBy)
		if !slices.Contains(replicas, by) {
			t.Fatalf("a read is served by %s, want one of %v", by, replicas)
		}
		seen.add(by)
	}
	return seen.soFar()
}

// awaitReads waits until replicas serve reads: both of them, unless a policy may prefer one.
func (c *cluster) awaitReads(t *testing.T, p *pooler, both bool) {
	t.Helper()
	primary, replicas := c.ports()
	eventually(t, "all upstreams are known", func() error {
		var all []struct {
			Role string
			Up   bool
		}
		err := p.getJSON("/postgres/upstreams", &all)
		for _, u := range all {
			if err == nil && (!u.Up || u.Role == "unknown") {
				err = fmt.Errorf("%+v", all)
			}
		}
		return err
	})
	eventually(t, "reads are served by replicas", func() error {
		var seen tally
		for range 20 {
			client := connect(t, p.Addr)
			seen.add(client.value(servedBy))
			client.leave()
		}
		counts := seen.soFar()
		if counts[primary] > 0 || both && (counts[replicas[0]] == 0 || counts[replicas[1]] == 0) {
			return fmt.Errorf("%v", counts)
		}
		return nil
	})
}

func TestPoliciesShareReadsAsTheySay(t *testing.T) {
	const reads = 400
	even := func(within int) func(a, b int) bool {
		return func(a, b int) bool { return a-b <= within && b-a <= within }
	}
	for _, policy := range []struct {
		lines string
		// both: over many clients each replica gets some.
		both bool
		fair func(a, b int) bool // what the first and the second replica have served
	}{
		{"lb_policy round_robin", true, even(1)},
		// Six times what chance deviates.
		{"lb_policy random", true, even(120)},
		{"lb_policy first", false, func(a, b int) bool { return b == 0 }},
		{"lb_policy least_conn", false, func(a, b int) bool { return true }},
		{"lb_policy peak_ewma", false, func(a, b int) bool { return true }},
		{"lb_policy weighted_round_robin", true, even(1)},
	} {
		t.Run(policy.lines, func(t *testing.T) {
			routedCluster(t, policy.lines, func(t *testing.T, p *pooler, c *cluster) {
				c.awaitReads(t, p, policy.both)
				counts := c.shares(t, p, reads)
				_, replicas := c.ports()
				a, b := counts[replicas[0]], counts[replicas[1]]
				t.Logf("of %d reads the first replica has served %d, the second %d", reads, a, b)
				if !policy.fair(a, b) {
					t.Errorf("%s: %d and %d", policy.lines, a, b)
				}
			})
		})
	}
}

// Three reads of four go where the weight is three times as much.
func TestWeightsShareReads(t *testing.T) {
	if direct() {
		t.Skip("nothing is routed without the pooler")
	}
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			c := commonCluster(t)
			p := startPooler(t, driver, c.primary, settings{Pool: probing + "lb_policy weighted_round_robin",
				Upstreams: []string{c.replicas[0].Addr() + " {\n weight 3\n }", c.replicas[1].Addr(), c.primary.Addr()}})
			c.awaitReads(t, p, true)
			counts := c.shares(t, p, 400)
			_, replicas := c.ports()
			if a := counts[replicas[0]]; a < 299 || a > 301 {
				t.Errorf("the replica of weight 3 has served %d of 400 reads, want 300: %v", a, counts)
			}
		})
	}
}

// By a hash of its user a client is always served by the same replica, and so are others of that user.
func TestHashStays(t *testing.T) {
	routedCluster(t, "lb_policy hash user", func(t *testing.T, p *pooler, c *cluster) {
		c.awaitReads(t, p, false)
		var by tally
		for range 5 {
			for port := range c.shares(t, p, 20) {
				by.add(port)
			}
		}
		if counts := by.soFar(); len(counts) != 1 {
			t.Errorf("clients of one user are served by several replicas: %v", counts)
		}
	})
}
