package login

// WithPassword is the first user by name whose password is known in plain text, so that he can log in to a server, whatever that
// asks for.
func (u Users) WithPassword() (user string, secret Secret, ok bool) {
	for name, s := range u {
		if s.kind == plainSecret && (!ok || name < user) {
			user, secret, ok = name, s, true
		}
	}
	return user, secret, ok
}

// WithPassword is the first user by name of the first Credentials that list their users and have one whose password is known.
func (c Chain) WithPassword() (user string, secret Secret, ok bool) {
	for _, credentials := range c {
		switch listed := credentials.(type) {
		case Users:
			user, secret, ok = listed.WithPassword()
		case *UsersFile:
			user, secret, ok = listed.Users().WithPassword()
		}
		if ok {
			return user, secret, true
		}
	}
	return "", Secret{}, false
}
