//go:build !cachefault

package querycache

// faulty: see fault_on.go.
const faulty = false
