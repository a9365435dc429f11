package engine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/grammar"
	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

var updateRoutes = flag.Bool("update-routes", false, "write the routes in testdata/routes.txt as they are now, where Postgres permits them; read them before you commit")

// routed is a block of testdata/routes.txt: a line that says where a text goes, and the text.
//
//   - read: it goes to a replica. A read-only transaction on a replica runs it.
//   - write: it goes to the primary. A replica refuses it.
//   - primary: it goes to the primary, though a replica would run it; why, stands behind it.
//
// Every text is one that the primary runs. Lines that begin with # tell what follows.
type routed struct {
	titles      []string
	route, text string
}

func readRoutes(t *testing.T) (list []routed) {
	t.Helper()
	content, err := os.ReadFile("testdata/routes.txt")
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n\n") {
		var r routed
		lines := strings.Split(strings.Trim(block, "\n"), "\n")
		for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
			r.titles, lines = append(r.titles, lines[0]), lines[1:]
		}
		if len(lines) > 0 {
			r.route, r.text = lines[0], strings.Join(lines[1:], "\n")
		}
		list = append(list, r)
	}
	return list
}

func writeRoutes(t *testing.T, list []routed) {
	t.Helper()
	var blocks []string
	for _, r := range list {
		lines := r.titles
		if r.route != "" {
			lines = append(slices.Clone(lines), r.route, r.text)
		}
		blocks = append(blocks, strings.Join(lines, "\n"))
	}
	if err := os.WriteFile("testdata/routes.txt", []byte(strings.Join(blocks, "\n\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRoutesAreWhatPostgresSays takes a few hundred texts and asks a primary and its streaming replica: what is sent to a replica must run
// there. What a replica would run and does not get is listed.
func TestRoutesAreWhatPostgresSays(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, in := range pgtest.Installs() {
		t.Run(fmt.Sprint(in.Major), func(t *testing.T) { checkRoutes(t, in.Major) })
	}
}

func checkRoutes(t *testing.T, version int) {
	primary := pgtest.Start(t, pgtest.Options{Version: version, Databases: []string{"app"}, Replication: true,
		Settings: map[string]string{"max_prepared_transactions": "2"}})
	on := connectTo(t, primary)
	schema, err := os.ReadFile("testdata/routes.sql")
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, on, string(schema))
	replica := primary.Replica(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := primary.CaughtUp(ctx, replica); err != nil {
		t.Fatal(err)
	}
	there := connectTo(t, replica)
	x := learnReaders(t, on)
	list := readRoutes(t)
	counts := map[string]int{}
	for i := range list {
		r := &list[i]
		if r.route == "" {
			continue
		}
		why := whyNotRead(t, x, r.text)
		refused := tries(there, "BEGIN READ ONLY", r.text)
		if err := tries(on, "BEGIN", r.text); err != nil {
			t.Errorf("the primary does not run it: %q: %v", r.text, err)
		}
		route := "read"
		switch {
		case why == "" && refused != nil:
			t.Errorf("it reads, but a replica does not run it: %q: %v", r.text, refused)
		case why != "" && refused == nil:
			route = "primary: " + why
			t.Logf("a replica would run it, but %s: %q", why, r.text)
		case why != "":
			route = "write"
		}
		if *updateRoutes {
			r.route = route
		} else if r.route != route {
			t.Errorf("%q: %q, want %q (a replica: %v)", r.text, route, r.route, refused)
		}
		first, _, _ := strings.Cut(route, ":")
		counts[first]++
	}
	t.Logf("%d texts: %d go to a replica; %d to the primary, of which a replica would run %d", len(list), counts["read"],
		counts["write"]+counts["primary"], counts["primary"])
	if *updateRoutes && !t.Failed() {
		writeRoutes(t, list)
	}
}

func connectTo(t *testing.T, server *pgtest.Server) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(context.Background(), server.SuperDSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// tries runs a text in a transaction that is rolled back, and says what Postgres says to it.
func tries(conn *pgconn.PgConn, begin, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	defer func() {
		conn.Exec(ctx, "ROLLBACK").Close()
		conn.Exec(ctx, "DISCARD ALL").Close()
	}()
	if err := conn.Exec(ctx, begin).Close(); err != nil {
		return err
	}
	err := conn.Exec(ctx, text).Close()
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return fmt.Errorf("%s %s", refused.Code, refused.Message)
	}
	return err
}

// learnReaders asks the catalog who reads.
func learnReaders(t *testing.T, conn *pgconn.PgConn) *session.Suspects {
	t.Helper()
	results, err := conn.Exec(context.Background(), suspectsQuestion).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	x := &session.Suspects{}
	for _, result := range results {
		for _, row := range result.Rows {
			learnReader(x, row[0], row[1])
		}
	}
	return x
}

// whyNotRead says why a text does not go to a replica; "": it does.
func whyNotRead(t *testing.T, x *session.Suspects, text string) string {
	t.Helper()
	form := sql.NormalForm(nil, []byte(text))
	f, err := grammar.Classify(text)
	switch {
	case form == nil:
		return "it cannot be read for certain"
	case err != nil:
		return err.Error()
	case f.Class == sql.ClassBeginsReadOnly:
		return ""
	case f.Class != sql.ClassReads:
		return "it is no query that only reads"
	}
	var r session.Readings
	fingerprint := sql.Fingerprint([]byte(text))
	r.Learn(fingerprint, f)
	class, _ := r.Lookup(fingerprint, x, []byte(text))
	if (class == sql.ClassReads) != x.ReadsOnly(&f, form) {
		if slices.Contains(f.Functions, "current_setting") {
			return "it asks what the server is set to"
		}
		t.Errorf("what is remembered of %q is not so", text)
	}
	if class == sql.ClassReads {
		return ""
	}
	for _, name := range f.Functions {
		if !x.ReadsOnly(&sql.Facts{Class: sql.ClassReads, Functions: []string{name}}, nil) {
			return "it calls " + name
		}
	}
	for _, name := range f.Relations {
		if !x.ReadsOnly(&sql.Facts{Class: sql.ClassReads, Relations: []string{name}}, []byte(name)) {
			return "it reads " + name
		}
	}
	return "it mentions a name that is no read's"
}
