package uring

import "fmt"

// Unavailable says why io_uring cannot be used here, and what would change that.
type Unavailable struct {
	// Cause is what failed.
	Cause error
	// Cure is what somebody could do about it.
	Cure string
}

// Error implements error.
func (u *Unavailable) Error() string {
	return fmt.Sprintf("io_uring is unavailable: %v (%s)", u.Cause, u.Cure)
}

// Unwrap returns the cause.
func (u *Unavailable) Unwrap() error { return u.Cause }
