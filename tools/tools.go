//go:build tools

// Package tools pins the programs that building needs, at exact versions.
package tools

import _ "github.com/caddyserver/xcaddy/cmd/xcaddy"
