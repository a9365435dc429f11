package caddyfile_test

// The modules that a Caddyfile names are those of a program that is built, for all tests of this directory. (Only a package of its
// own may import them: they import the one that is tested.)
import _ "github.com/pgmux/caddy-pgmux/poolhandler"
