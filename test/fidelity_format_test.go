//go:build e2e

package e2e

import (
	"encoding/binary"
	"math"

	"github.com/jackc/pgx/v5/pgproto3"
)

// formatTalks is values in both formats, in and out.
var formatTalks = []conversation{
	{name: "binary out", script: script{
		batch{parse("b",
			"SELECT 258::int2, 258::int4, 258::int8, 1.5::float8, 'text'::text, '\\x00ff'::bytea, true, NULL::int, "+
				"timestamp '2020-02-01 12:00', timestamptz '2020-02-01 12:00+00', 12.34::numeric, ARRAY[1,2], '{\"a\":1}'::jsonb, ROW(1, 'x')"), sync_},
		batch{formats("b", nil, []int16{1}), describePortal(""), execute(""), sync_},
		batch{formats("b", nil, []int16{0}), describePortal(""), execute(""), sync_},
		batch{formats("b", nil, []int16{1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0}), describePortal(""), execute(""), sync_},
		batch{formats("b", nil, []int16{1, 1}), describePortal(""), sync_}, batch{formats("b", nil, []int16{7}), sync_},
		batch{formats("b", nil, []int16{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 7}), sync_},
	}},
	{name: "binary in", script: script{
		batch{parse("b", "SELECT $1::int4, $2::float8, $3::text, $4::bytea"), describe("b"), sync_},
		batch{formats("b", []int16{1}, nil, int4(258), float8(1.5), []byte("täxt"), []byte{0, 255}), execute(""), sync_},
		batch{formats("b", []int16{1, 0, 1, 0}, []int16{1}, int4(-1), []byte("2.5"), []byte(""), []byte("\\x00")),
			execute(""), sync_},
		batch{formats("b", []int16{1}, nil, nil, nil, nil, nil), execute(""), sync_},
		batch{formats("b", []int16{1}, nil, []byte{1}, float8(1), nil, nil), execute(""), sync_},
		batch{formats("b", []int16{1}, nil, []byte{1, 2, 3, 4, 5}, float8(1), nil, nil), execute(""), sync_},
		batch{formats("b", []int16{2}, nil, nil, nil, nil, nil), execute(""), sync_},
		batch{formats("b", []int16{1}, nil, nil, nil, []byte{0xff, 0xfe}, nil), execute(""), sync_},
		batch{formats("b", nil, nil, nil, nil, []byte("a\x00b"), nil), execute(""), sync_},
	}},
	{name: "wrong counts", script: script{
		batch{parse("b", "SELECT $1::int4, $2::int4"), sync_},
		batch{bind("", "b"), sync_}, batch{bind("", "b", "1"), sync_}, batch{bind("", "b", "1", "2", "3"), sync_},
		batch{formats("b", []int16{0, 0, 0}, nil, []byte("1"), []byte("2")), sync_},
		batch{bind("named", "b", "1"), execute("named"), sync_},
		batch{bind("", "b", "1", "2"), execute(""), sync_},
	}},
	{name: "parameter types", script: script{
		batch{parse("t", "SELECT $1, $2, $3", 23, 0, 1184), describe("t"), bind("", "t", "1", "x", "2020-02-01"), execute(""),
			sync_},
		batch{parse("", "SELECT $1", 999999), sync_}, batch{parse("", "SELECT $1 + $2", 23, 25), sync_},
		batch{parse("", "SELECT $3::int, $1::text"), sync_},
		batch{parse("", "SELECT 1", 23, 25), describe(""), bind("", "", "1", "x"), execute(""), sync_},
		batch{parse("", "SELECT $1"), describe(""), sync_},
		batch{parse("", "SELECT $1 IS NULL"), sync_}, batch{parse("", "INSERT INTO scene.t VALUES ($1, $2)"), describe(""),
			bind("", "", "1", "x"), execute(""), sync_},
	}},
	{name: "bad values", script: script{
		ext("SELECT $1::int", "x"), ext("SELECT $1::int", "99999999999"), ext("SELECT $1::date", "2020-02-30"),
		ext("SELECT $1::text", "\xff"),
		batch{parse("named", "SELECT $1::int"), bind("portal", "named", "not a number"), execute("portal"), sync_},
		"SELECT '\xff'", "SELECT 1 AS \"\xc3\xa4\"",
	}},
	{name: "binary cursors and copies", script: script{
		"BEGIN", "DECLARE c BINARY CURSOR FOR SELECT 258, 'x'", "FETCH c", ext("FETCH c"), "ROLLBACK",
		"COPY (SELECT 1, 'x') TO STDOUT (FORMAT binary)",
		ext("COPY (SELECT 1, NULL) TO STDOUT (FORMAT binary)"),
	}},
}

// formats is a Bind with formats and values as they are; nil is NULL.
func formats(statement string, in, out []int16, values ...[]byte) *pgproto3.Bind {
	return &pgproto3.Bind{PreparedStatement: statement, ParameterFormatCodes: in, ResultFormatCodes: out, Parameters: values}
}

func int4(n int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

func float8(f float64) []byte { return binary.BigEndian.AppendUint64(nil, math.Float64bits(f)) }
