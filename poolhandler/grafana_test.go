package poolhandler

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// grafanaPanel is what of a panel of Grafana's is looked at.
type grafanaPanel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ H, W, X, Y int }
	Targets []struct {
		Expr  string
		RefID string
	}
	Datasource struct{ UID string }
}

func grafanaPanels(t *testing.T) []grafanaPanel {
	t.Helper()
	text, err := os.ReadFile("../docs/grafana/pgmux.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Title, UID string
		Templating struct{ List []struct{ Name string } }
		Panels     []grafanaPanel
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
	}
	if want := []string{"datasource", "instance", "pool"}; !slices.Equal(variables, want) || d.Title == "" || d.UID == "" {
		t.Errorf("%q (%q) has the variables %v, want %v", d.Title, d.UID, variables, want)
	}
	return d.Panels
}

// describedMetrics is the names of all metrics there are.
func describedMetrics() map[string]bool {
	descs := make(chan *prometheus.Desc, 1000)
	(&metrics{process: theProcess}).Describe(descs)
	close(descs)
	all := map[string]bool{}
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	for d := range descs {
		all[name.FindStringSubmatch(d.String())[1]] = true
	}
	return all
}

// usedMetrics is the names in a text; those of a histogram's parts are its own.
func usedMetrics(text string) map[string]bool {
	used := make(map[string]bool)
	for _, name := range regexp.MustCompile(`caddy_postgres_[a-z_]+`).FindAllString(text, -1) {
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, part)
		}
		used[name] = true
	}
	return used
}

func TestTheGrafanaDashboardShowsEveryMetric(t *testing.T) {
	var exprs strings.Builder
	for _, p := range grafanaPanels(t) {
		for _, target := range p.Targets {
			exprs.WriteString(target.Expr + "\n")
		}
	}
	described, used := describedMetrics(), usedMetrics(exprs.String())
	for _, name := range slices.Sorted(maps.Keys(described)) {
		if !used[name] {
			t.Errorf("%s is on no panel of docs/grafana/pgmux.json", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if !described[name] {
			t.Errorf("docs/grafana/pgmux.json shows %s, which does not exist", name)
		}
	}
}

func TestAlertsAreAboutMetricsThatExist(t *testing.T) {
	text, err := os.ReadFile("../docs/grafana/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	described, used := describedMetrics(), usedMetrics(string(text))
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if !described[name] {
			t.Errorf("docs/grafana/alerts.yml watches %s, which does not exist", name)
		}
	}
	if len(used) == 0 {
		t.Error("docs/grafana/alerts.yml watches nothing")
	}
}

// Grafana loads anything, and shows what it could make of it.
func TestTheGrafanaDashboardIsInOrder(t *testing.T) {
	const width = 24
	ids := make(map[int]string)
	var rows, below int
	for _, p := range grafanaPanels(t) {
		if other, twice := ids[p.ID]; twice || p.ID == 0 {
			t.Errorf("%q has the ID %d of %q", p.Title, p.ID, other)
		}
		ids[p.ID] = p.Title
		if p.Title == "" || p.GridPos.W < 1 || p.GridPos.H < 1 || p.GridPos.X+p.GridPos.W > width || p.GridPos.Y < below {
			t.Errorf("%q (%d) is at %+v, below %d", p.Title, p.ID, p.GridPos, below)
		}
		if p.Type == "row" {
			rows, below = rows+1, p.GridPos.Y
			continue
		}
		if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("%q asks %q for %d things", p.Title, p.Datasource.UID, len(p.Targets))
		}
		refs := make(map[string]bool)
		for _, target := range p.Targets {
			if refs[target.RefID] || target.RefID == "" || !strings.Contains(target.Expr, `instance=~"$instance"`) {
				t.Errorf("%q: %s asks for %s", p.Title, target.RefID, target.Expr)
			}
			refs[target.RefID] = true
		}
	}
	if rows < 6 {
		t.Errorf("%d rows", rows)
	}
}
