package changes

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// membership is what a publication tells.
type membership struct {
	// published are the names that can be followed: of every table of that name, whatever its schema, all changes are told, and of all
	// that hang below it too: partitions, and children that inherit.
	published []string
	// names are those of which a change of one table is told: its own; those above it, of which it is part; and those below it where it is
	// told in place of its partitions (publish_via_partition_root).
	names map[uint32][]string
	// filtered have a row filter, behind which changes are hidden.
	filtered []string
	// unidentified are published without a replica identity: their rows cannot be updated or deleted.
	unidentified []string
}

// The kinds of rows of an answer.
const (
	ofName         = "name"
	ofPublished    = "published"
	ofFiltered     = "filtered"
	ofUnidentified = "unidentified"
)

// members asks for a membership. In its terms:
//
//	told      what the publication tells, under this name
//	whole     what is told without a filter, itself or under the name of a table above it. Postgres also lists unlogged partitions, of which
//	          nothing is told
//	joining   partitioned tables whose partitions, also those to come, are in the publication
//	partial   what may change without that being told: all that is none of these, and what has such below it
func members(publication string) string {
	return strings.ReplaceAll(`
WITH RECURSIVE pub AS (SELECT * FROM pg_publication WHERE pubname = $1),
told AS (SELECT relid, qual IS NOT NULL AS filtered FROM pg_get_publication_tables($1)),
up(relid, other) AS (
	SELECT relid, relid FROM told
	UNION SELECT up.relid, inhparent FROM up JOIN pg_inherits ON inhrelid = other),
down(relid, other) AS (
	SELECT relid, relid FROM told JOIN pg_class ON oid = relid AND relkind = 'p'
	UNION SELECT down.relid, inhrelid FROM down JOIN pg_inherits ON inhparent = other),
whole(oid, relkind) AS (
	SELECT c.oid, c.relkind FROM told JOIN pg_class c ON c.oid = relid AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p' WHERE NOT filtered
	UNION SELECT c.oid, c.relkind FROM whole JOIN pg_inherits ON inhparent = whole.oid AND whole.relkind = 'p'
		JOIN pg_class c ON c.oid = inhrelid AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'),
joining(oid) AS (
	SELECT c.oid FROM pg_class c, pub WHERE relkind = 'p' AND (puballtables
		OR EXISTS (SELECT FROM pg_publication_rel WHERE prpubid = pub.oid AND prrelid = c.oid)
		OR EXISTS (SELECT FROM pg_publication_namespace WHERE pnpubid = pub.oid AND pnnspid = c.relnamespace))
	UNION SELECT c.oid FROM joining JOIN pg_inherits ON inhparent = joining.oid JOIN pg_class c ON c.oid = inhrelid AND relkind = 'p'),
good(oid) AS (SELECT oid FROM whole UNION SELECT oid FROM joining),
partial(oid) AS (
	SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE relkind IN ('r', 'p', 'f', 'm') AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
		AND NOT EXISTS (SELECT FROM good WHERE good.oid = c.oid)
	UNION SELECT inhparent FROM partial JOIN pg_inherits ON inhrelid = partial.oid)
SELECT 'name', relid, relname FROM (TABLE up UNION TABLE down) AS all_names JOIN pg_class ON oid = other
UNION ALL SELECT 'published', 0, relname FROM (
	SELECT relname FROM good JOIN pg_class USING (oid) EXCEPT SELECT relname FROM partial JOIN pg_class USING (oid)) AS names
UNION ALL SELECT 'filtered', 0, relname FROM told JOIN pg_class ON oid = relid WHERE filtered
UNION ALL SELECT 'unidentified', 0, c.relname FROM whole JOIN pg_class c USING (oid) WHERE c.relkind = 'r' AND relreplident <> 'f'
	AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid
		AND (relreplident = 'd' AND indisprimary OR relreplident = 'i' AND indisreplident))`, "$1", literal(publication))
}

// readMembership reads the answer.
func readMembership(rows [][]string) (m membership, err error) {
	m.names = map[uint32][]string{}
	for _, r := range rows {
		if len(r) != 3 {
			return m, fmt.Errorf("the server answers with %d columns where 3 were asked for", len(r))
		}
		switch kind, name := r[0], r[2]; kind {
		case ofPublished:
			m.published = append(m.published, name)
		case ofFiltered:
			m.filtered = append(m.filtered, name)
		case ofUnidentified:
			m.unidentified = append(m.unidentified, name)
		case ofName:
			oid, err := strconv.ParseUint(r[1], 10, 32)
			if err != nil {
				return m, fmt.Errorf("reading the oid of a table: %w", err)
			}
			m.names[uint32(oid)] = append(m.names[uint32(oid)], name)
		}
	}
	for oid, names := range m.names {
		m.names[oid] = sortedOnce(names)
	}
	for _, list := range []*[]string{&m.published, &m.filtered, &m.unidentified} {
		*list = sortedOnce(*list)
	}
	return m, nil
}

// tables are the names of which a transaction is told; nil if any may have changed.
func (m *membership) tables(t *transaction) []string {
	if !m.explains(t) {
		return nil
	}
	names := make([]string, 0, len(t.relations))
	for oid, name := range t.relations {
		names = append(append(names, name), m.names[oid]...)
	}
	return sortedOnce(names)
}

// explains tells whether all that a transaction has changed was in the publication when that was asked for.
func (m *membership) explains(t *transaction) bool {
	for oid := range t.relations {
		if m.names[oid] == nil {
			return false
		}
	}
	return !t.any
}

func (m *membership) equal(other *membership) bool {
	return slices.Equal(m.published, other.published) && maps.EqualFunc(m.names, other.names, slices.Equal[[]string])
}

// renames tells whether a table that both know is told under other names now.
func (m *membership) renames(other *membership) bool {
	for oid, names := range m.names {
		if now, there := other.names[oid]; there && !slices.Equal(names, now) {
			return true
		}
	}
	return false
}

// both are the names that are in two lists.
func both(a, b []string) []string {
	var out []string
	for _, name := range a {
		if _, found := slices.BinarySearch(b, name); found {
			out = append(out, name)
		}
	}
	return out
}

func sortedOnce(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
