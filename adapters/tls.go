package adapters

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/pgmux/caddy-pgmux/config"
)

// certificateTag marks the certificate of client_tls_cert_file among those that Caddy's TLS app has: it is shown whatever name a client
// asks for, and whether it asks for one, as PgBouncer does.
const certificateTag = "pgbouncer"

// putClientTLS is how clients encrypt. PgBouncer's verify-full is its verify-ca: it compares no name.
func (a *adaptation) putClientTLS(_ *database, p *config.Pool) error {
	v := a.value("client_tls_sslmode")
	word, err := v.word("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
	if err != nil {
		return err
	}
	if p.Auth.Method == "cert" && word != "verify-ca" && word != "verify-full" {
		return v.errorf("is %s, but auth_type is cert, which needs certificates of clients; write verify-full", word)
	}
	mode := map[string]string{"prefer": "allow", "verify-full": "verify-ca"}[word]
	if mode == "" {
		mode = word
	}
	if mode == "disable" {
		return nil
	}
	p.TLS = &config.ClientTLS{Mode: mode}
	if mode == "verify-ca" {
		ca := a.value("client_tls_ca_file")
		if ca.text == "" {
			return v.errorf("is %s, but there is no client_tls_ca_file to verify with; write it", word)
		}
		p.TLS.ClientCA = escaped(absolute(ca.text))
	}
	return a.putConnectionPolicy(p.TLS)
}

func (a *adaptation) putConnectionPolicy(tls *config.ClientTLS) error {
	cert, key := a.value("client_tls_cert_file"), a.value("client_tls_key_file")
	if cert.text == "" || key.text == "" {
		return a.value("client_tls_sslmode").errorf("is %s, which needs client_tls_cert_file and client_tls_key_file", tls.Mode)
	}
	a.certificates[escaped(absolute(cert.text))] = escaped(absolute(key.text))
	policy := &caddytls.ConnectionPolicy{CertSelection: &caddytls.CustomCertSelectionPolicy{AnyTag: []string{certificateTag}}}
	if err := a.putProtocols(policy); err != nil {
		return err
	}
	if err := a.putCurve(policy); err != nil {
		return err
	}
	tls.ConnectionPolicies = caddytls.ConnectionPolicies{policy}
	return nil
}

var protocols = map[string][]string{
	"secure": {"tls1.2", "tls1.3"}, "all": {"tls1.2", "tls1.3"}, "legacy": {"tls1.2", "tls1.3"}, "default": {"tls1.2", "tls1.3"},
	"tlsv1.2": {"tls1.2"}, "tlsv1.3": {"tls1.3"}, "tlsv1.0": nil, "tlsv1.1": nil, "tlsv1": {"tls1.2", "tls1.3"},
}

// putProtocols: versions before 1.2 are not spoken, and nothing is weakened by that.
func (a *adaptation) putProtocols(policy *caddytls.ConnectionPolicy) error {
	v := a.value("client_tls_protocols")
	var found []string
	for _, word := range strings.FieldsFunc(strings.ToLower(v.text), func(c rune) bool { return strings.ContainsRune(",: ", c) }) {
		versions, ok := protocols[word]
		if !ok {
			return v.errorf("has %q, which is no version of TLS; write `secure`, or a list of %s", word, strings.Join(slices.Sorted(maps.Keys(protocols)), ", "))
		}
		found = append(found, versions...)
	}
	switch slices.Sort(found); {
	case len(found) == 0:
		return v.errorf("is %q, but TLS 1.2 and 1.3 are all there is; write `secure`", v.text)
	case found[0] == "tls1.3":
		policy.ProtocolMin = "tls1.3"
	case found[len(found)-1] == "tls1.2":
		policy.ProtocolMax = "tls1.2"
	}
	if text := strings.ToLower(v.text); text == "all" || text == "legacy" || strings.Contains(text, "v1.0") || strings.Contains(text, "v1.1") {
		a.warn(v.at, v.name, "asks for TLS 1.0 or 1.1, which are not spoken; clients need 1.2")
	}
	return nil
}

// curves are OpenSSL's names, and Caddy's.
var curves = map[string]string{
	"prime256v1": "secp256r1", "secp256r1": "secp256r1", "p-256": "secp256r1", "secp384r1": "secp384r1", "p-384": "secp384r1",
	"secp521r1": "secp521r1", "p-521": "secp521r1", "x25519": "x25519",
}

func (a *adaptation) putCurve(policy *caddytls.ConnectionPolicy) error {
	v := a.value("client_tls_ecdhcurve")
	if v.text == "auto" || v.text == "" {
		return nil
	}
	curve := curves[strings.ToLower(v.text)]
	if curve == "" {
		return v.errorf("is %q, but must be auto or one of %s", v.text, strings.Join(slices.Sorted(maps.Keys(curves)), ", "))
	}
	policy.Curves = []string{curve}
	return nil
}

// putServerTLS is how servers are spoken to.
func (a *adaptation) putServerTLS(_ *database, p *config.Pool) error {
	v := a.value("server_tls_sslmode")
	mode, err := v.word("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
	if err != nil {
		return err
	}
	if mode == "allow" {
		mode = "prefer"
	}
	p.ServerTLS = &config.ServerTLS{Mode: mode}
	ca, cert, key := a.value("server_tls_ca_file").text, a.value("server_tls_cert_file").text, a.value("server_tls_key_file").text
	if mode == "disable" {
		return nil
	}
	if strings.HasPrefix(mode, "verify") && ca != "" {
		p.ServerTLS.CA = escaped(absolute(ca))
	} else if mode == "verify-ca" {
		return v.errorf("is verify-ca, which needs a server_tls_ca_file here; write it, or verify-full")
	}
	if (cert == "") != (key == "") {
		return a.value("server_tls_cert_file").errorf("and server_tls_key_file go together; write both, or none")
	}
	if cert != "" {
		p.ServerTLS.Certificate, p.ServerTLS.Key = escaped(absolute(cert)), escaped(absolute(key))
	}
	return nil
}

// loadedCertificates is the TLS app; nil: it is not needed.
func (a *adaptation) loadedCertificates() any {
	var files []map[string]any
	for _, cert := range slices.Sorted(maps.Keys(a.certificates)) {
		files = append(files, map[string]any{"certificate": cert, "key": a.certificates[cert], "tags": []string{certificateTag}})
	}
	if files == nil {
		return nil
	}
	text, err := json.Marshal(files)
	if err != nil {
		panic("bug: adapters: " + err.Error())
	}
	return map[string]any{"certificates": map[string]json.RawMessage{"load_files": text}}
}
