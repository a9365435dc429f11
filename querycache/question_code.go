package querycache

// What the source of a function in SQL or PL/pgSQL, in lower case, shows, as regular expressions. Backslashes are not wanted: [[:<:]] and
// [[:>:]] are the beginning and the end of a word.
const (
	// dynamicCode runs SQL that is put together while it runs.
	dynamicCode = `[[:<:]]execute[[:>:]](?![[:space:]]+(function|procedure))`
	// definingCode may change what Lineage rests on, but for harmlessCode, which makes what is temporary.
	definingCode = `[[:<:]](create|alter|drop|grant|revoke|import)[[:>:]]`
	harmlessCode = `[[:<:]](create[[:space:]]+(local[[:space:]]+|global[[:space:]]+)?temp(orary)?|on[[:space:]]+commit[[:space:]]+drop)[[:>:]]`
)

// quietExtensions are those whose functions in C change no table, and run no SQL of others.
var quietExtensions = []string{
	"amcheck", "autoinc", "btree_gin", "btree_gist", "citext", "cube", "earthdistance", "fuzzystrmatch", "hll", "hstore", "insert_username", "intarray",
	"isn", "lo", "ltree", "moddatetime", "pageinspect", "pg_buffercache", "pg_freespacemap", "pg_hashids", "pg_prewarm", "pg_stat_statements", "pg_trgm",
	"pg_uuidv7", "pg_visibility", "pg_walinspect", "pgcrypto", "pgrowlocks", "pgstattuple", "postgis", "postgis_raster", "seg", "sslinfo", "tcn",
	"tsm_system_rows", "tsm_system_time", "unaccent", "uuid-ossp", "vector",
}

// steadyExtensions are those whose stable functions in C answer the same as long as settings and dictionaries are the same.
var steadyExtensions = []string{"btree_gist", "citext", "cube", "hstore", "intarray", "ltree", "pg_trgm", "unaccent", "vector"}
