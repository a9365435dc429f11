package changes

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// What can be followed of a database, for each kind of publication.
func TestWhatAPublicationFollows(t *testing.T) {
	eachVersion(t, func(t *testing.T, version int) {
		s := primary(t, version)
		exec(t, s,
			"CREATE TABLE a (id int PRIMARY KEY, n int); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE bare (id int)",
			"CREATE SCHEMA other; CREATE TABLE other.b (id int PRIMARY KEY); CREATE MATERIALIZED VIEW other.a2 AS SELECT 1",
			"CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id)",
			"CREATE TABLE low PARTITION OF root FOR VALUES FROM (0) TO (100)",
			"CREATE TABLE mid PARTITION OF root FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id)",
			"CREATE TABLE mid1 PARTITION OF mid FOR VALUES FROM (100) TO (150)",
			"CREATE TABLE elder (id int PRIMARY KEY); CREATE TABLE younger (PRIMARY KEY (id)) INHERITS (elder)",
			"CREATE UNLOGGED TABLE forgotten (id int PRIMARY KEY)",
			"CREATE TABLE mixed (id int PRIMARY KEY) PARTITION BY RANGE (id)",
			"CREATE TABLE kept PARTITION OF mixed FOR VALUES FROM (0) TO (100)",
			"CREATE UNLOGGED TABLE unkept PARTITION OF mixed FOR VALUES FROM (100) TO (200)",
			"CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w",
			"CREATE TABLE spread (id int) PARTITION BY RANGE (id)",
			"CREATE TABLE near PARTITION OF spread (PRIMARY KEY (id)) FOR VALUES FROM (0) TO (100)",
			"CREATE FOREIGN TABLE away PARTITION OF spread FOR VALUES FROM (100) TO (200) SERVER far",
			"CREATE TEMPORARY TABLE a (id int)")
		for _, p := range []struct{ publication, published, filtered, unidentified string }{
			{"FOR TABLE a", "a", "", ""},
			{"FOR TABLE a, b", "a", "", ""}, // there is another b
			{"FOR TABLE a, b, other.b", "a b", "", ""},
			{"FOR TABLE a WHERE (id > 1), b, other.b", "b", "a", ""},
			{"FOR TABLE a (id)", "a", "", ""},
			{"FOR TABLE bare", "bare", "", "bare"},
			{"FOR TABLES IN SCHEMA other", "", "", ""},
			{"FOR ALL TABLES", "a b bare elder kept low mid mid1 near root younger", "", "bare"},
			{"FOR TABLE root", "low mid mid1 root", "", ""},
			{"FOR TABLE root WITH (publish_via_partition_root)", "low mid mid1 root", "", ""},
			{"FOR TABLE root WHERE (id > 1) WITH (publish_via_partition_root)", "", "root", ""},
			{"FOR TABLE mid", "mid mid1", "", ""},
			{"FOR TABLE low, mid1", "low mid1", "", ""}, // what joins the others later is not told
			{"FOR TABLE low WHERE (id > 1), root", "mid mid1", "low", ""},
			{"FOR TABLE mixed", "kept", "", ""},
			{"FOR TABLE mixed WITH (publish_via_partition_root)", "kept", "", ""},
			{"FOR TABLE spread", "near", "", ""},
			{"FOR TABLE spread WITH (publish_via_partition_root)", "near", "", ""},
			{"FOR TABLE elder", "elder younger", "", ""},
			{"FOR TABLE ONLY elder", "", "", ""},
			{"FOR TABLE younger", "younger", "", ""},
		} {
			exec(t, s, "DROP PUBLICATION IF EXISTS pub", "CREATE PUBLICATION pub "+p.publication)
			m := membersOf(t, s)
			for what, lists := range map[string][2][]string{
				"published": {m.published, strings.Fields(p.published)}, "filtered": {m.filtered, strings.Fields(p.filtered)},
				"unidentified": {m.unidentified, strings.Fields(p.unidentified)},
			} {
				if !slices.Equal(lists[0], lists[1]) {
					t.Errorf("%s: %s are %q, not %q", p.publication, what, lists[0], lists[1])
				}
			}
		}
	})
}

// The names by which a change of one table is told.
func TestUnderWhichNamesAChangeIsTold(t *testing.T) {
	s := primary(t, 0)
	exec(t, s, "CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id)",
		"CREATE TABLE mid PARTITION OF root FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id)",
		"CREATE TABLE leaf PARTITION OF mid FOR VALUES FROM (100) TO (150)",
		"CREATE TABLE elder (id int PRIMARY KEY); CREATE TABLE younger (PRIMARY KEY (id)) INHERITS (elder)")
	for publication, names := range map[string]string{
		"FOR ALL TABLES": "elder/elder younger/leaf mid root",
		"FOR ALL TABLES WITH (publish_via_partition_root)": "elder/elder younger/leaf mid root",
		"FOR TABLE mid WITH (publish_via_partition_root)":  "leaf mid root",
		"FOR TABLE younger": "elder younger",
	} {
		exec(t, s, "DROP PUBLICATION IF EXISTS pub", "CREATE PUBLICATION pub "+publication)
		var got []string
		for all := range maps.Values(membersOf(t, s).names) {
			got = append(got, strings.Join(all, " "))
		}
		slices.Sort(got)
		if strings.Join(got, "/") != names {
			t.Errorf("%s: told under %q, not %q", publication, got, names)
		}
	}
}

func membersOf(t *testing.T, s *pgtest.Server) membership {
	t.Helper()
	raw, err := dialer(s.Addr(), "postgres")(t.Context(), "")
	must(t, err)
	c := newConn(raw)
	defer c.part()
	_, err = c.ask(settings, patience)
	must(t, err)
	rows, err := c.ask(members("pub"), patience)
	must(t, err)
	m, err := readMembership(rows)
	must(t, err)
	return m
}

// A change of a table that has become a partition since the publication was last asked for is told as one of anything, or under its old
// names and then as one of anything.
func TestATableThatBecomesAPartition(t *testing.T) {
	eachVersion(t, func(t *testing.T, version int) {
		s := primary(t, version)
		exec(t, s, "CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id)", "CREATE TABLE a (id int PRIMARY KEY)",
			"CREATE PUBLICATION pub FOR ALL TABLES")
		l, _, _ := follow(t, s, nil)
		l.await("follows a root")
		exec(t, s, "INSERT INTO a VALUES (1)")
		l.await("visible a")
		exec(t, s, "ALTER TABLE root ATTACH PARTITION a FOR VALUES FROM (0) TO (100)", "INSERT INTO a VALUES (2)")
		l.await("visible anything")
		exec(t, s, "INSERT INTO a VALUES (3)")
		l.await("visible a root")
		exec(t, s, "CREATE TABLE b PARTITION OF root FOR VALUES FROM (100) TO (200)", "INSERT INTO b VALUES (101)")
		l.await("visible anything")
		l.await("follows a b root")
	})
}
