//go:build !unix

package looptest

import "testing"

// No Net here Listens.

func flagsOf(*testing.T, int) (blocks, inherited bool) { return false, false }

func forbidDescriptors(*testing.T, func()) {}
