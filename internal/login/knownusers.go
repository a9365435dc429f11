package login

import (
	"context"
	"fmt"
)

// checkKnown refuses users that the Credentials do not know, where the method asks for no secret and KnownUsers is set.
func (a Auth) checkKnown(ctx context.Context, who Identity) error {
	if !a.KnownUsers {
		return nil
	}
	_, known, err := a.Credentials.Lookup(ctx, who)
	switch {
	case err != nil:
		return cannotLookUp(who.User, err)
	case known:
		return nil
	}
	return &Refusal{
		SQLState: invalidAuthorization,
		Message:  fmt.Sprintf("role \"%s\" is not known to the pooler", who.User),
		Hint:     "Check the user's name; `auth` of the pool says who is known.",
	}
}

func cannotLookUp(user string, err error) error {
	return &Refusal{
		SQLState: "08006", Message: fmt.Sprintf("the password of user \"%s\" cannot be looked up", user),
		Hint: "Try again; the log of the pooler tells more.", Cause: err,
	}
}
