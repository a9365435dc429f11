package login

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Identity is who wants to log in, and where.
type Identity struct{ User, Database string }

// Credentials knows users' secrets. Several logins call it at the same time.
type Credentials interface {
	// Lookup returns the user's secret, and whether there is such a user. It may block until the context ends; an error
	// says that it cannot be known now.
	Lookup(ctx context.Context, who Identity) (Secret, bool, error)
	// Again is called when a login has failed with a secret that Lookup gave: it returns what there is now, if that is
	// something else.
	Again(ctx context.Context, who Identity, failed Secret) (Secret, bool)
}

// Users is a fixed set of users.
type Users map[string]Secret

// Lookup implements Credentials.
func (u Users) Lookup(_ context.Context, who Identity) (Secret, bool, error) {
	s, ok := u[who.User]
	return s, ok, nil
}

// Again implements Credentials: they are fixed.
func (u Users) Again(context.Context, Identity, Secret) (Secret, bool) { return Secret{}, false }

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
func (c Chain) Lookup(ctx context.Context, who Identity) (Secret, bool, error) {
	for _, credentials := range c {
		if s, ok, err := credentials.Lookup(ctx, who); ok || err != nil {
			return s, ok, err
		}
	}
	return Secret{}, false, nil
}

// Again implements Credentials. Only whoever has answered is asked again: nobody behind it may answer in its place.
func (c Chain) Again(ctx context.Context, who Identity, failed Secret) (Secret, bool) {
	for i, credentials := range c {
		if i == len(c)-1 {
			return credentials.Again(ctx, who, failed)
		}
		if _, ok, err := credentials.Lookup(ctx, who); err != nil {
			return Secret{}, false
		} else if ok {
			return credentials.Again(ctx, who, failed)
		}
	}
	return Secret{}, false
}
