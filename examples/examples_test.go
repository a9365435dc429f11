// Package examples holds Caddyfiles that work, each beside the JSON that it means.
package examples

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"

	_ "github.com/pgmux/caddy-pgmux"
)

var update = flag.Bool("update", false, "write the JSON instead of comparing it")

// each runs a check on every example.
func each(t *testing.T, check func(t *testing.T, name string, text []byte)) {
	names, err := filepath.Glob("*.Caddyfile")
	if err != nil || len(names) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			check(t, name, text)
		})
	}
}

// TestAdaptedExamples compares what each example means with its JSON; -update writes it.
func TestAdaptedExamples(t *testing.T) {
	each(t, func(t *testing.T, name string, text []byte) {
		got := adapt(t, name, text)
		golden := strings.TrimSuffix(name, ".Caddyfile") + ".json"
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s means\n%s\nbut %s says\n%s", name, got, golden, want)
		}
	})
}

func adapt(t *testing.T, name string, text []byte) []byte {
	t.Helper()
	out, warnings, err := caddyfile.Adapter{ServerType: httpcaddyfile.ServerType{}}.Adapt(text, map[string]any{"filename": name})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		t.Errorf("warning: %s", w)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, out, "", "\t"); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	return pretty.Bytes()
}

// TestExamplesAreFormatted is `caddy fmt`.
func TestExamplesAreFormatted(t *testing.T) {
	each(t, func(t *testing.T, name string, text []byte) {
		if formatted := caddyfile.Format(text); !bytes.Equal(formatted, text) {
			t.Errorf("run `caddy fmt --overwrite examples/%s`; it should be\n%s", name, formatted)
		}
	})
}

// TestExamplesAreValid is `caddy validate`, with what the placeholders stand for in place.
func TestExamplesAreValid(t *testing.T) {
	t.Setenv("PGMUX_UPSTREAM", "127.0.0.1:5432")
	t.Setenv("PGMUX_PASSWORD", "secret")
	t.Setenv("PGMUX_VIEWER_HASH", "$2a$04$4f1icEtnsR4ofONCt9c29e36GcbqZ2VhMT1kivYLvcq9wTq4k/DTm") // of "secret"
	each(t, func(t *testing.T, name string, text []byte) {
		dir := t.TempDir()
		for path, content := range map[string]string{
			"/etc/pgbouncer/userlist.txt": "\"tenant_1\" \"secret\"\n",
			"/run/secrets/tenants":        "secret\n",
			"/etc/ssl/db-ca.pem":          authority(t),
			"/etc/ssl/clients-ca.pem":     authority(t),
		} {
			file := filepath.Join(dir, filepath.Base(path))
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			text = bytes.ReplaceAll(text, []byte(path), []byte(file))
		}
		var cfg caddy.Config
		if err := json.Unmarshal(adapt(t, name, text), &cfg); err != nil {
			t.Fatal(err)
		}
		cfg.Admin = &caddy.AdminConfig{Disabled: true}
		// Where the internal issuer keeps what it makes.
		cfg.StorageRaw = fmt.Appendf(nil, `{"module": "file_system", "root": %q}`, t.TempDir())
		if err := caddy.Validate(&cfg); err != nil {
			t.Error(err)
		}
	})
}

// authority is a certificate that could issue others, in PEM.
func authority(t *testing.T) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "examples"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
