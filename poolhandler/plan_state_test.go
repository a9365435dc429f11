package poolhandler

import (
	"slices"
	"testing"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

func TestSettingsThatFollow(t *testing.T) {
	for _, c := range []struct {
		written []string
		all     bool
		want    []string
	}{
		{nil, true, nil},
		{[]string{"*"}, true, nil},
		{[]string{"none"}, false, []string{}},
		{[]string{"None"}, false, []string{}},
		{[]string{"TimeZone", "search_path", "App.Tenant"}, false, []string{"timezone", "search_path", "app.tenant"}},
	} {
		app := onePool("app", 1)
		app.Pools["app"].TrackParameters = c.written
		got := testPlan(t, app).engine.Pools[0].Track
		if (got == nil) != c.all || !slices.Equal(got, c.want) {
			t.Errorf("%q: %#v, want %#v", c.written, got, c.want)
		}
	}
	written := []string{"TimeZone"}
	if tracked(written); written[0] != "TimeZone" {
		t.Error("what is configured has been changed")
	}
}

func TestStateThatCannotFollow(t *testing.T) {
	for written, want := range map[string]session.Pinning{
		"": session.PinningOn, "on": session.PinningOn, "off": session.PinningOff, "error": session.PinningError,
	} {
		app := onePool("app", 1)
		app.Pools["app"].Pinning = written
		if got := testPlan(t, app).engine.Pools[0].Pinning; got != want {
			t.Errorf("pinning %q is %d, want %d", written, got, want)
		}
	}
	app := onePool("app", 1)
	if got := testPlan(t, app).engine.Pools[0].MaxPinned; got != 0 {
		t.Errorf("max_pinned_servers is %d where nothing is written", got)
	}
	most := 3
	app.Pools["app"].MaxPinnedServers = &most
	if got := testPlan(t, app).engine.Pools[0].MaxPinned; got != 3 {
		t.Errorf("max_pinned_servers is %d, want 3", got)
	}
	if len(pinnings) != len(config.Pinnings) {
		t.Errorf("%d ways of pinning are mapped, of %d", len(pinnings), len(config.Pinnings))
	}
}
