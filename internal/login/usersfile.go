package login

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// maxUsersFileBytes bounds a users file: some 150,000 users with verifiers.
	maxUsersFileBytes = 32 << 20
	// maxFileNameBytes and maxFileSecretBytes are PgBouncer's bounds (MAX_USERNAME, MAX_PASSWORD).
	maxFileNameBytes   = 127
	maxFileSecretBytes = 2047
	// usersFileCheck is how often a login looks whether the file has changed.
	usersFileCheck = time.Second
)

// UsersFile is PgBouncer's auth_file: a user and a secret per line, each in double quotes. A file that changes is
// read again, by the next login a second later; a file that then cannot be read or understood leaves what was
// known in force, and is told to the function given to OpenUsersFile.
type UsersFile struct {
	path  string
	onErr func(error)

	mu      sync.Mutex
	users   Users
	seen    os.FileInfo // what the file looked like when it was last read
	checked time.Time
}

// OpenUsersFile reads the file. What goes wrong later, at a change, is told to onErr.
func OpenUsersFile(path string, onErr func(error)) (*UsersFile, error) {
	f := &UsersFile{path: path, onErr: onErr}
	if err := f.read(); err != nil {
		return nil, err
	}
	f.checked = time.Now()
	return f, nil
}

// Lookup implements Credentials.
func (f *UsersFile) Lookup(ctx context.Context, who Identity) (Secret, bool, error) {
	return f.Users().Lookup(ctx, who)
}

// Again implements Credentials: the file is looked at once a second anyway.
func (f *UsersFile) Again(context.Context, Identity, Secret) (Secret, bool) { return Secret{}, false }

// Users is what the file says now. The caller only reads it.
func (f *UsersFile) Users() Users {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.checked) >= usersFileCheck {
		f.checked = time.Now()
		if err := f.reload(); err != nil {
			f.onErr(fmt.Errorf("keeping the users known before: %w", err))
		}
	}
	return f.users
}

func (f *UsersFile) reload() error {
	now, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("looking at users file: %w", err)
	}
	if os.SameFile(now, f.seen) && now.ModTime().Equal(f.seen.ModTime()) && now.Size() == f.seen.Size() {
		return nil
	}
	f.seen = now // also if it proves wrong: it is told once, not at every login
	return f.read()
}

func (f *UsersFile) read() error {
	file, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("reading users file: %w", err)
	}
	defer file.Close()
	seen, err := file.Stat()
	if err != nil {
		return fmt.Errorf("reading users file: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxUsersFileBytes+1))
	if err != nil {
		return fmt.Errorf("reading users file: %w", err)
	}
	if len(text) > maxUsersFileBytes {
		return fmt.Errorf("reading users file %s: it is larger than %d MiB", f.path, maxUsersFileBytes>>20)
	}
	users, err := parseUsers(string(text))
	if err != nil {
		return fmt.Errorf("reading users file %s, %w", f.path, err)
	}
	users.Warm()
	f.users, f.seen = users, seen
	return nil
}

// parseUsers reads lines of the form
//
//	"user" "secret" whatever follows is ignored
//
// where "" inside quotes is one quote, empty lines mean nothing and lines that begin with ; are comments. Where
// PgBouncer stops reading at a line it does not understand, and forgets the users below it, this is an error. A user
// named twice has the secret of the later line, as there.
func parseUsers(text string) (Users, error) {
	users := Users{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == ';' {
			continue
		}
		user, secret, err := parseUserLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		users[user] = secret
	}
	return users, nil
}

func parseUserLine(line string) (user string, secret Secret, err error) {
	user, rest, err := cutQuoted(line, "user name", maxFileNameBytes)
	if err != nil {
		return "", Secret{}, err
	}
	if user == "" {
		return "", Secret{}, fmt.Errorf("the user name is empty: remove the line")
	}
	text, _, err := cutQuoted(strings.TrimLeft(rest, " \t"), "secret", maxFileSecretBytes)
	if err != nil {
		return "", Secret{}, err
	}
	if secret, err = ParseSecret(text); err != nil {
		return "", Secret{}, fmt.Errorf("user %q: %w", user, err)
	}
	return user, secret, nil
}

func cutQuoted(text, what string, maxBytes int) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		return "", "", fmt.Errorf(`expected the %s in double quotes: write "user" "secret", and comments after ;`, what)
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '"':
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == '"':
			b.WriteByte('"')
			i++
		case b.Len() > maxBytes:
			return "", "", fmt.Errorf("the %s is longer than %d bytes", what, maxBytes)
		default:
			return b.String(), text[i+1:], nil
		}
	}
	return "", "", fmt.Errorf(`the quote around the %s is not closed on the line: a quote inside is written ""`, what)
}
