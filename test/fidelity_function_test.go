//go:build e2e

package e2e

import "github.com/jackc/pgx/v5/pgproto3"

// Object ids of functions of Postgres.
const (
	fnAbs       = 1397 // abs(int4)
	fnDivide    = 154  // int4div
	fnUpper     = 871  // upper(text)
	fnSetConfig = 2078
	fnSetting   = 2077 // current_setting(text)
)

// functionTalks is FunctionCall, the protocol's oldest message.
var functionTalks = []conversation{
	{name: "in both formats", script: script{
		batch{call(fnAbs, "-7")}, batch{callBinary(fnAbs, int4(-8))}, batch{call(fnUpper, "lower")}, batch{call(fnUpper, "")},
		batch{&pgproto3.FunctionCall{Function: fnAbs, ArgFormatCodes: []uint16{0}, Arguments: [][]byte{[]byte("-9")},
			ResultFormatCode: 1}},
		batch{&pgproto3.FunctionCall{Function: fnAbs, ArgFormatCodes: []uint16{0}, Arguments: [][]byte{nil}}},
	}},
	{name: "with errors", script: script{
		batch{call(fnDivide, "1", "0")}, batch{call(999999)}, batch{call(fnAbs)}, batch{call(fnAbs, "1", "2")},
		batch{call(fnAbs, "x")},
		batch{callBinary(fnAbs, []byte{1})}, "SELECT 'in step'",
	}},
	{name: "in transactions", script: script{
		"BEGIN", batch{call(fnAbs, "-1")}, batch{call(fnDivide, "1", "0")}, batch{call(fnAbs, "-1")}, "ROLLBACK",
		batch{call(fnAbs, "-1")},
		"BEGIN", "INSERT INTO scene.t VALUES (1)", batch{call(fnAbs, "-1")}, "COMMIT", "TABLE scene.t",
	}},
	{name: "in pipelines", script: script{
		join(pbe("SELECT 1"), call(fnAbs, "-1"), pbe("SELECT 2"), sync_),
		join(pbe("INSERT INTO scene.t VALUES (1)"), call(fnDivide, "1", "0"), pbe("SELECT 2"), sync_), "TABLE scene.t",
		until("ReadyForQuery", 1, join(pbe("SELECT 1/0"), call(fnAbs, "-1"), sync_)...),
		batch{call(fnAbs, "-1"), call(fnAbs, "-2"), call(fnDivide, "1", "0"), call(fnAbs, "-3"), simple("SELECT 4")},
		batch{parse("", "SELECT 'unnamed'"), call(fnAbs, "-1"), bind("", ""), execute(""), sync_},
	}},
	{name: "that set something", script: script{
		batch{call(fnSetConfig, "work_mem", "7MB", "f")}, "SHOW work_mem", batch{call(fnSetting, "work_mem")},
		"RESET work_mem",
	}},
	{name: "that set something for a transaction", script: script{
		"BEGIN", batch{call(fnSetConfig, "work_mem", "7MB", "t")}, "SHOW work_mem", "COMMIT", "SHOW work_mem",
	}},
}

// call is a FunctionCall in text.
func call(function uint32, args ...string) *pgproto3.FunctionCall {
	c := &pgproto3.FunctionCall{Function: function, ArgFormatCodes: []uint16{0}}
	for _, a := range args {
		c.Arguments = append(c.Arguments, []byte(a))
	}
	return c
}

func callBinary(function uint32, args ...[]byte) *pgproto3.FunctionCall {
	return &pgproto3.FunctionCall{Function: function, ArgFormatCodes: []uint16{1}, Arguments: args, ResultFormatCode: 1}
}
