//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

func copyData(text string) *pgproto3.CopyData { return &pgproto3.CopyData{Data: []byte(text)} }

var copyDone = &pgproto3.CopyDone{}

func TestTrap21AfterCopyInResponseTheServerStays(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		c, other := connect(t, p.Addr), connect(t, p.Addr)
		c.query("DROP TABLE IF EXISTS trap21; CREATE TABLE trap21 (n int)")
		c.say(simple("COPY trap21 FROM STDIN"))
		c.hearUntil("CopyInResponse", 1)
		other.say(simple("SELECT 'after'"))
		for i := range 100 {
			c.say(copyData(fmt.Sprintf("%d\n", i)))
		}
		c.say(copyDone)
		mustContain(t, c.hear(1), "COPY 100")
		mustContain(t, other.hear(1), "after")
		c.query("DROP TABLE trap21")
	})
}

func TestTrap22CopyErrorsStayInStep(t *testing.T) {
	both(t, settings{Pool: "pool_size 2"}, func(t *testing.T, c *client) {
		c.query("DROP TABLE IF EXISTS trap22; CREATE TABLE trap22 (n int)")
		// After CopyDone.
		c.say(simple("COPY trap22 FROM STDIN"), copyData("1\n"), copyData("rubbish\n"), copyDone)
		mustContain(t, c.hear(1), "22P02")
		// Before: more data comes after the server has given up.
		c.say(simple("COPY trap22 FROM STDIN"), copyData("rubbish\n"))
		for range 200 {
			c.say(copyData(strings.Repeat("1\n", 1000)))
		}
		c.say(copyDone)
		mustContain(t, c.hear(1), "22P02")
		c.query("SELECT count(*) FROM trap22")
		// The client gives up.
		c.say(simple("COPY trap22 FROM STDIN"), copyData("1\n"), &pgproto3.CopyFail{Message: "no more"})
		mustContain(t, c.hear(1), "57014", "no more")
		// The server refuses before anything is copied; the client had sent its data already.
		c.say(simple("COPY nosuch FROM STDIN"), copyData("1\n"), copyDone)
		mustContain(t, c.hear(1), "42P01")
		// Several statements in one Query.
		c.say(simple("COPY trap22 FROM STDIN; SELECT 'between'; COPY trap22 FROM STDIN"), copyData("1\n"), copyDone, copyData("2\n"),
			copyDone)
		mustContain(t, c.hear(1), "between")
		c.query("COPY trap22 TO STDOUT")
		c.query("DROP TABLE trap22")
	})
}

func TestTrap23CopyByTheExtendedProtocol(t *testing.T) {
	both(t, settings{Pool: "pool_size 2"}, func(t *testing.T, c *client) {
		c.query("DROP TABLE IF EXISTS trap23; CREATE TABLE trap23 (n int)")
		// The Sync directly behind the Execute is ignored while Postgres copies in; the one after CopyDone counts.
		c.say(parse("", "COPY trap23 FROM STDIN"), bind("", ""), execute(""), sync_, copyData("1\n"), copyDone, sync_)
		mustContain(t, c.hear(1), "COPY 1")
		c.say(parse("", "COPY trap23 FROM STDIN"), bind("", ""), execute(""), flush)
		c.hearUntil("CopyInResponse", 1)
		c.say(copyData("rubbish\n"), copyDone, sync_)
		mustContain(t, c.hear(1), "22P02")
		c.ask(parse("", "COPY trap23 TO STDOUT"), bind("", ""), execute(""))
		c.query("SELECT 'in step'")
		c.query("DROP TABLE trap23")
	})
}

func TestTrap24ServerLostInCopy(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		c := connect(t, p.Addr)
		c.query("DROP TABLE IF EXISTS trap24; CREATE TABLE trap24 (n int)")
		pid := c.value("SELECT pg_backend_pid()")
		c.say(simple("COPY trap24 FROM STDIN"), copyData("1\n"))
		c.hearUntil("CopyInResponse", 1)
		if err := server.Exec(within(t), "app", "SELECT pg_terminate_backend("+pid+")"); err != nil {
			t.Fatal(err)
		}
		c.Send(copyDone)
		_ = c.Flush() // it may be gone already
		heard := c.hearAnyEnd()
		mustContain(t, heard, "57P01")
		next := connect(t, p.Addr)
		mustContain(t, next.query("SELECT count(*) FROM trap24"), `"0"`)
		next.query("DROP TABLE trap24")
	})
}

// hearAnyEnd receives until the connection ends or is ready again.
func (c *client) hearAnyEnd() []string {
	c.t.Helper()
	from := len(c.heard)
	for {
		msg, err := c.receive()
		if err != nil {
			return c.heard[from:]
		}
		if _, ready := msg.(*pgproto3.ReadyForQuery); ready {
			return c.heard[from:]
		}
	}
}

func TestTrap25FunctionCall(t *testing.T) {
	const abs, loCreat = 1397, 957 // abs(int4), lo_creat(int4)
	both(t, settings{}, func(t *testing.T, c *client) {
		c.say(&pgproto3.FunctionCall{Function: abs, ArgFormatCodes: []uint16{0}, Arguments: [][]byte{[]byte("-7")}})
		mustContain(t, c.hear(1), "FunctionCallResponse")
		c.say(&pgproto3.FunctionCall{Function: 99999, ResultFormatCode: 1})
		mustContain(t, c.hear(1), "ErrorResponse")
		c.query("BEGIN")
		c.say(&pgproto3.FunctionCall{Function: abs, ArgFormatCodes: []uint16{0}, Arguments: [][]byte{[]byte("-8")}})
		c.hear(1)
		c.query("COMMIT")
	})
}

func TestTrap25LargeObjectsAreStreamed(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{})
		ctx := within(t)
		conn, err := pgx.Connect(ctx, p.dsn("app"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		content := bytes.Repeat([]byte("large object "), 200_000)
		err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			objects := tx.LargeObjects()
			oid, err := objects.Create(ctx, 0)
			if err != nil {
				return err
			}
			object, err := objects.Open(ctx, oid, pgx.LargeObjectModeRead|pgx.LargeObjectModeWrite)
			if err != nil {
				return err
			}
			if _, err := object.Write(content); err != nil {
				return err
			}
			if _, err := object.Seek(0, io.SeekStart); err != nil {
				return err
			}
			back, err := io.ReadAll(object)
			if err == nil && !bytes.Equal(back, content) {
				err = fmt.Errorf("read %d bytes, want those %d that were written", len(back), len(content))
			}
			if err != nil {
				return err
			}
			return objects.Unlink(ctx, oid)
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestCopyOfManyRowsBothWays(t *testing.T) {
	const rows = 1_000_000
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{})
		conn, err := pgx.Connect(within(t), p.dsn("app"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(within(t), "DROP TABLE IF EXISTS bulk; CREATE UNLOGGED TABLE bulk (n int, t text)"); err != nil {
			t.Fatal(err)
		}
		var in bytes.Buffer
		for i := range rows {
			fmt.Fprintf(&in, "%d\trow number %d\n", i, i)
		}
		size := in.Len()
		tag, err := conn.PgConn().CopyFrom(within(t), &in, "COPY bulk FROM STDIN")
		if err != nil || tag.RowsAffected() != rows {
			t.Fatalf("COPY FROM: %v, %v", tag, err)
		}
		var out counter
		tag, err = conn.PgConn().CopyTo(within(t), &out, "COPY bulk TO STDOUT")
		if err != nil || tag.RowsAffected() != rows || int(out) != size {
			t.Fatalf("COPY TO: %v, %v, %d bytes of %d", tag, err, out, size)
		}
		if _, err := conn.Exec(within(t), "DROP TABLE bulk"); err != nil {
			t.Error(err)
		}
	})
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
