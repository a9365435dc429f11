package login

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Credentials knows users' secrets. Lookup may block, and several logins call it at the same time.
type Credentials interface {
	// Lookup returns the user's secret, and whether there is such a user.
	Lookup(user string) (Secret, bool)
}

// Users is a fixed set of users.
type Users map[string]Secret

// Lookup implements Credentials.
func (u Users) Lookup(user string) (Secret, bool) {
	s, ok := u[user]
	return s, ok
}

// Check says which users could not log in by this method, why, and what to do. It names the first few.
func (u Users) Check(m Method) error {
	const shown = 5
	var errs []error
	more := 0
	for _, user := range slices.Sorted(maps.Keys(u)) {
		if err := u[user].Supports(m); err == nil {
			continue
		} else if len(errs) < shown {
			errs = append(errs, fmt.Errorf("user %q %w", user, err))
		} else {
			more++
		}
	}
	if more > 0 {
		errs = append(errs, fmt.Errorf("and %d more users", more))
	}
	return errors.Join(errs...)
}

// maxWarmed bounds how many passwords Warm derives: a fifth of a second's work.
const maxWarmed = 256

// Warm derives the SCRAM verifiers of passwords ahead of logins, so that not even the first login of a user takes
// longer than one of a user that does not exist. It stops after 256 of them: whoever has more plain-text
// passwords than that had better store verifiers.
func (u Users) Warm() {
	n := 0
	for user, s := range u {
		if s.kind != plainSecret {
			continue
		}
		if n++; n > maxWarmed {
			return
		}
		s.scramVerifier(user)
	}
}

// Chain asks several Credentials in turn; the first that knows the user answers.
type Chain []Credentials

// Lookup implements Credentials.
func (c Chain) Lookup(user string) (Secret, bool) {
	for _, credentials := range c {
		if s, ok := credentials.Lookup(user); ok {
			return s, true
		}
	}
	return Secret{}, false
}
