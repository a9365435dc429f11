// Package config is what can be configured: plain structs whose comments are the reference, their defaults, and
// [Check], which says what in them cannot work. The JSON names are the names of the Caddyfile.
//
// A field exists here only when it does something; everything else is refused by Caddy's strict decoding. Where
// zero has a meaning of its own ("no limit", "off"), the field is a pointer, and nil is the default.
package config
