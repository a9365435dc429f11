package engine

import (
	"slices"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// shardWith is a shard that knows profiles of these settings.
func shardWith(profiles ...[]Setting) (s *Shard, keys []uint64) {
	s = &Shard{profiles: map[uint64]*profile{0: {}}, profilesMax: minProfiles, differences: map[[2]uint64]string{}}
	for _, settings := range profiles {
		keys = append(keys, s.profile(settings).key)
	}
	return s, keys
}

// What makes up for a reset is a SET, which takes no snapshot, unless that would write a list otherwise than the client has.
func TestRestoreStatements(t *testing.T) {
	s, keys := shardWith([]Setting{{"work_mem", "6MB"}, {"search_path", "a, b_2"}, {"role", "app"}})
	key := keys[0]
	for _, c := range []struct {
		kind sql.ChangeKind
		name string
		want []string
	}{
		{sql.ChangeReset, "work_mem", []string{`SET "work_mem" TO E'6MB'`}},
		{sql.ChangeResetLocal, "work_mem", []string{`SET LOCAL "work_mem" TO E'6MB'`}},
		{sql.ChangeReset, "other", nil},
		{sql.ChangeSet, "work_mem", nil},
		{sql.ChangeResetAll, "", []string{`SET "search_path" TO E'a', E'b_2'`, `SET "work_mem" TO E'6MB'`}},
		{sql.ChangeDiscardAll, "", []string{`SET "role" TO E'app'`, `SET "search_path" TO E'a', E'b_2'`, `SET "work_mem" TO E'6MB'`}},
	} {
		if got := s.Restore(key, c.kind, []byte(c.name)); !slices.Equal(got, c.want) {
			t.Errorf("kind %d of %q: %q, want %q", c.kind, c.name, got, c.want)
		}
	}
	for value, want := range map[string]string{
		"a": "SET LOCAL \"search_path\" TO E'a'", "a,b": "SELECT pg_catalog.set_config( E'search_path', E'a,b',true)",
		"A": "SELECT pg_catalog.set_config( E'search_path', E'A',true)", "": "SELECT pg_catalog.set_config( E'search_path', E'',true)",
		`"$user", a`: `SELECT pg_catalog.set_config( E'search_path', E'"$user", a',true)`, "1a": "SELECT pg_catalog.set_config( E'search_path', E'1a',true)",
	} {
		if got := assignment(Setting{"search_path", value}, true); got != want {
			t.Errorf("search_path %q: %s, want %s", value, got, want)
		}
	}
}

func TestBegan(t *testing.T) {
	s, keys := shardWith([]Setting{{"work_mem", "6MB"}, {"datestyle", "ISO"}}, []Setting{{"datestyle", "SQL, DMY"}})
	if value, literal, ok := s.Began(keys[0], []byte("work_mem")); value != "6MB" || literal != " E'6MB'" || !ok {
		t.Errorf("%q, %q, %v", value, literal, ok)
	}
	if _, _, ok := s.Began(keys[0], []byte("other")); ok {
		t.Error("a setting that was not asked for has a value")
	}
	if _, _, ok := s.Began(keys[0], []byte("datestyle")); ok {
		t.Error("ISO alone is taken for a value that does not depend on the one before")
	}
	if _, literal, ok := s.Began(keys[1], []byte("datestyle")); literal != " E'SQL, DMY'" || !ok {
		t.Errorf("%q, %v", literal, ok)
	}
}

// A DateStyle that says half must not find the other half that another client has left.
func TestDifferenceOfHalfADateStyle(t *testing.T) {
	s, keys := shardWith([]Setting{{"datestyle", "ISO"}}, []Setting{{"datestyle", "German"}, {"client_min_messages", "error"},
		{"application_name", "a"}})
	iso, german := s.profiles[keys[0]], s.profiles[keys[1]]
	for _, c := range []struct {
		from, to *profile
		want     string
	}{
		{german, iso, `RESET "application_name";RESET "client_min_messages";RESET "datestyle";SELECT pg_catalog.set_config( E'datestyle', E'ISO',false)`},
		{iso, german, `RESET "datestyle";SELECT pg_catalog.set_config( E'client_min_messages', E'error',false),` +
			`pg_catalog.set_config( E'application_name', E'a',false),pg_catalog.set_config( E'datestyle', E'German',false)`},
		{s.profiles[0], iso, `SELECT pg_catalog.set_config( E'datestyle', E'ISO',false)`},
		{iso, iso, ""},
	} {
		if got := difference(c.from, c.to); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
