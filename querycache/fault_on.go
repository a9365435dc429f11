//go:build cachefault

package querycache

// faulty: writes change nothing. It is for the test that shows that the consistency checker would notice.
var faulty bool

// IgnoreWrites has every cache go on serving what writes have changed.
func IgnoreWrites() { faulty = true }
