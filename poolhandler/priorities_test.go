package poolhandler

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

func TestTheFirstLineThatFitsIsTheClientsPriority(t *testing.T) {
	lines := priorities{
		{By: "user", Name: "reporting", Level: "low"},
		{By: "application_name", Name: "checkout*", Level: "high"},
		{By: "database", Name: "batch_*", Level: "low"},
		{By: "database", Name: "app", Level: "normal"},
		{By: "user", Name: "*", Level: "high"},
	}
	for _, c := range []struct {
		user, database, application string
		want                        engine.Priority
	}{
		{"reporting", "app", "checkout", engine.PriorityLow},
		{"web", "app", "checkout-7", engine.PriorityHigh},
		{"web", "batch_1", "", engine.PriorityLow},
		{"web", "app", "other", engine.PriorityNormal},
		{"web", "elsewhere", "", engine.PriorityHigh},
	} {
		s := &login.Startup{User: c.user, Database: c.database, Settings: []login.Setting{
			{Name: "application_name", Value: "overridden"}, {Name: "Application_Name", Value: c.application},
		}}
		if got := lines.of(s); got != c.want {
			t.Errorf("%+v: priority %v, want %v", c, got, c.want)
		}
	}
	if got := priorities(nil).of(&login.Startup{User: "web"}); got != engine.PriorityNormal {
		t.Errorf("without lines: %v", got)
	}
}
