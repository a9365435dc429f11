//go:build tools

// Package staticcheck pins the linter, in a module of its own so that it decides no other tool's dependencies.
package staticcheck

import _ "honnef.co/go/tools/cmd/staticcheck"
