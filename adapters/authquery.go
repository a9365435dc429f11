package adapters

import (
	"regexp"
	"strings"
)

// For PgBouncer, the search_path of auth_query is that of auth_user, which mostly means public, and here it is pg_catalog. So a name
// without a schema gets public, where it is certain which name that is: in SELECT … FROM one table or function, with conditions or
// without. Any other query stays as it is, and a warning says what to write.
var (
	// opaque is what may have anything in it: strings, comments, names in quotes.
	opaque = regexp.MustCompile(`(?s)'[^']*'|"[^"]*"|--[^\n]*|/\*.*?\*/`)
	// noClause is a FROM that begins no clause.
	noClause = regexp.MustCompile(`(?i)\bdistinct\s+from\b|\b(?:extract|substring|trim|overlay)\s*\([^()]*\bfrom\b`)
	// taken is what stands behind a FROM or JOIN, and whether it has a schema.
	taken = regexp.MustCompile(`(?i)\b(?:from|join)\s+(?:(?:only|lateral)\s+)*("[^"]*"|[a-z_]\w*)(\s*\.)?`)
	// postgresOwn is the names of Postgres's own tables, and of functions that one may take from.
	postgresOwn = regexp.MustCompile(`(?i)^"?(?:pg_|json|xml|regexp_|generate_|string_to_|current_|unnest\b|aclexplode\b)`)

	fromWord  = regexp.MustCompile(`(?i)\bfrom\b`)
	whereWord = regexp.MustCompile(`(?i)\bwhere\b`)
	// difficult is what other names may come with, or what hides the end of a string.
	difficult = regexp.MustCompile(`(?i)\b(?:with|join)\b|\b(?:only|lateral)\s*\(|\\|\$[a-z_]*\$`)
)

// qualified is auth_query with a schema.
func (a *adaptation) qualified(v value) string {
	query := masked(v.text)
	at, found := unqualified(v.text, query)
	if !found {
		return v.text
	}
	name := v.text[at[0]:at[1]]
	if !isPlain(query) {
		a.warn(v.at, v.name, "seems to name %s without a schema, and stays as it is, because it is more than SELECT … FROM one table or function: search_path is "+
			"pg_catalog here, so write the schema of whatever is not Postgres's own, like public.%[1]s", name)
		return v.text
	}
	a.warn(v.at, v.name, "names %s without a schema; it is asked for as public.%[1]s, because search_path is pg_catalog here: write the schema, if it is another", name)
	return v.text[:at[0]] + "public." + v.text[at[0]:]
}

// masked is a query of the same length in which every FROM is a clause. What is opaque is x; names keep their quotes.
func masked(query string) string {
	query = opaque.ReplaceAllStringFunc(query, func(found string) string {
		if found[0] == '"' {
			return `"` + strings.Repeat("x", len(found)-2) + `"`
		}
		return " " + strings.Repeat("x", len(found)-2) + " "
	})
	return noClause.ReplaceAllStringFunc(query, func(found string) string {
		return found[:len(found)-len("from")] + "xxxx"
	})
}

// unqualified is where the first name without a schema stands.
func unqualified(query, masked string) (at [2]int, found bool) {
	for _, m := range taken.FindAllStringSubmatchIndex(masked, -1) {
		if at = [2]int{m[2], m[3]}; m[4] < 0 && !postgresOwn.MatchString(query[at[0]:at[1]]) {
			return at, true
		}
	}
	return at, false
}

// isPlain reports whether a query takes from one table or function, and from nothing else.
func isPlain(masked string) bool {
	froms := fromWord.FindAllStringIndex(masked, 2)
	if len(froms) != 1 || difficult.MatchString(masked) {
		return false
	}
	head, tail := masked[:froms[0][0]], masked[froms[0][1]:]
	if where := whereWord.FindStringIndex(tail); where != nil {
		tail = tail[:where[0]]
	}
	return strings.Count(head, "(") == strings.Count(head, ")") && !isList(tail)
}

// isList reports a comma outside of parentheses.
func isList(text string) bool {
	depth := 0
	for _, c := range text {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				return true
			}
		}
	}
	return false
}
