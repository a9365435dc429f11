package poolhandler

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

func TestSecretsThatAreNotWrittenAreThoseOfAuth(t *testing.T) {
	file := filepath.Join(t.TempDir(), "userlist.txt")
	if err := os.WriteFile(file, []byte("\"owner\" \"from the file\"\n\"alice\" \"from the file\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	auth, _, err := newAuth(&config.Pool{Auth: &config.Auth{
		Method: "md5", UsersFile: file, User: map[string]string{"alice": "from the configuration"},
		QueryUser: &config.ServerUser{Name: "owner"},
	}, Upstream: []*config.Upstream{{Address: "127.0.0.1:1"}}}, nil, new(foundAddresses), nil)
	if err != nil {
		t.Fatal(err)
	}
	known := writtenSecrets(auth.Credentials)
	for _, test := range []struct{ user, secret, want string }{
		{"owner", "", "from the file"},
		{"alice", "", "from the configuration"},
		{"owner", "its own", "its own"},
		{"nobody", "", ""},
	} {
		got, err := secretOf(&config.ServerUser{Name: test.user, Secret: test.secret}, known)
		want, _ := login.ParseSecret(test.want)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: another secret, error %v", test, err)
		}
	}
}
