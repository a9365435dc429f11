package session

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// The pooler has settings of its own, pgmux.causal_token, pgmux.route and pgmux.cache. To Postgres they are settings of an application, so it
// sets, rolls back and shows them as it does all others. What it does not know of them is done by statements of ours:
//
//  1. Behind a text that sets one, amid the same transaction, the value is checked. Where it is none that there can be, that fails,
//     and with it the client's statement, in the words that Postgres has for a bad value (trap 44).
//  2. Ahead of a text that asks for one, what it is is set, for this transaction only: so nobody else is ever told.
//
// Nobody sees their replies.

// The names of the settings.
const (
	TokenSetting = "pgmux.causal_token"
	RouteSetting = "pgmux.route"
	CacheSetting = "pgmux.cache"
	// WhySetting tells why what the session asked before went as it did.
	WhySetting = "pgmux.why"
)

// A causal token is 1:<process>:<mark>: the mark of the newest write of a session, and the process whose marks these are, in
// hexadecimal. The first number is of this form.
const (
	tokenForm   = "1:"
	processLen  = 16
	maxMarkLen  = 19
	tokenRegexp = "^1:[0-9a-f]{16}:[0-9]{1,19}$"
)

// AppendToken appends a token.
func AppendToken(b []byte, process, mark uint64) []byte {
	var id [processLen / 2]byte
	for i := range id {
		id[i] = byte(process >> (8 * (len(id) - 1 - i)))
	}
	b = append(b, tokenForm...)
	b = append(hex.AppendEncode(b, id[:]), ':')
	return strconv.AppendUint(b, mark, 10)
}

// ParseToken is what a token says; false if it is none.
func ParseToken(token string) (process, mark uint64, ok bool) {
	rest, ok := strings.CutPrefix(token, tokenForm)
	if !ok || len(rest) < processLen+2 || rest[processLen] != ':' || len(rest) > processLen+1+maxMarkLen ||
		strings.Trim(rest[:processLen], "0123456789abcdef") != "" || strings.Trim(rest[processLen+1:], "0123456789") != "" {
		return 0, 0, false
	}
	process, _ = strconv.ParseUint(rest[:processLen], 16, 64)
	mark, err := strconv.ParseUint(rest[processLen+1:], 10, 64)
	return process, mark, err == nil
}

// What there can be, as conditions on v. No setting changes what they mean.
const (
	isToken = "v OPERATOR(pg_catalog.~) '^$|" + tokenRegexp + "'"
	isRoute = `pg_catalog.lower(v) OPERATOR(pg_catalog.=) ANY ('{"",auto,primary,replica}'::pg_catalog.text[])`
	isCache = `pg_catalog.lower(v) OPERATOR(pg_catalog.=) ANY ('{"",on,off}'::pg_catalog.text[])`
)

var (
	tokenChecks = []string{check(TokenSetting, isToken)}
	routeChecks = []string{check(RouteSetting, isRoute)}
	cacheChecks = []string{check(CacheSetting, isCache)}
)

// badValue begins what Postgres says of a bad value.
const badValue = "invalid value for parameter \""

// check is a statement that fails if a setting has no value that there can be: with what the client is to be told, up to the
// end of a line, as what is no number.
func check(setting, is string) string {
	return "SELECT CASE WHEN " + is + " THEN 0 ELSE (pg_catalog.concat('" + badValue + setting + "\": \"',v,'\"',pg_catalog.chr(10)))::pg_catalog.int4 END" +
		" FROM (SELECT pg_catalog.current_setting('" + setting + "',true) AS v) AS setting"
}

// checks is the statements that check the value that a setting has been given.
func checks(name []byte) []string {
	switch string(name) {
	case TokenSetting:
		return tokenChecks
	case RouteSetting:
		return routeChecks
	case CacheSetting:
		return cacheChecks
	}
	return nil
}

// BadSetting is why Postgres would refuse a value of a setting of the pooler's own, and what to do about it; empty if it would not.
func BadSetting(name, value string) (message, hint string) {
	switch name {
	case TokenSetting:
		if _, _, ok := ParseToken(value); ok || value == "" {
			return "", ""
		}
	case RouteSetting:
		switch strings.ToLower(value) {
		case "", "auto", "primary", "replica":
			return "", ""
		}
	case CacheSetting:
		switch strings.ToLower(value) {
		case "", "on", "off":
			return "", ""
		}
	default:
		return "", ""
	}
	return badValue + name + `": "` + value + `"`, hintFor(name)
}

func hintFor(name string) string {
	switch name {
	case TokenSetting:
		return "A token is what SHOW pgmux.causal_token tells."
	case CacheSetting:
		return "Available values: on, off."
	}
	return "Available values: auto, primary, replica."
}

// badSetting is the error that the client is told in place of m, which a check of ours has met; nil if that is not why.
func badSetting(m []byte) []byte {
	if string(pgwire.ErrorField(m, 'C')) != "22P02" {
		return nil
	}
	message := pgwire.ErrorField(m, 'M')
	from, to := bytes.Index(message, []byte(badValue)), bytes.LastIndexByte(message, '\n')
	if from < 0 || to < from {
		return nil
	}
	message = message[from:to]
	name, _, _ := strings.Cut(string(message[len(badValue):]), `"`)
	return pgwire.AppendError(nil, "ERROR", "22023", string(message), "", hintFor(name))
}

// tellOwn puts ahead, amid extended messages, what the pooler's own settings are, if a text of these effects asks.
func (f *feed) tellOwn(effects sql.Effects) {
	if !effects.Has(sql.AsksPooler) || f.s.tellsOwn || f.e.Own == nil {
		return
	}
	f.s.tellsOwn = true
	f.extendedOurs(f.e.Own(f.c, f.s))
}

// asking calls what for each statement of a text, scanned last, that asks for a setting of the pooler's own: with its number, and
// where it begins. Those beyond maxParts are told nothing.
func (f *feed) asking(st *sql.Statement, text []byte, what func(statement, at int)) {
	switch {
	case !st.Effects.Has(sql.AsksPooler) || f.e.Own == nil:
		return
	case !st.Effects.Has(sql.Multi):
		what(0, 0)
		return
	}
	part := &f.e.part
	part.Truncated, part.BackslashQuotes = st.Truncated, st.BackslashQuotes
	for at, n := 0, 0; at < len(text) && n < maxParts; {
		from := at
		at = sql.ScanNext(text, from, part)
		if part.Effects.Has(sql.AsksPooler) {
			what(n, from)
		}
		if part.Kind != sql.Empty {
			n++
		}
	}
}
