package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddytls"
)

func (t *ClientTLS) check(path string) *Problem {
	if t == nil {
		return nil
	}
	return first(
		oneOf(path+".mode", t.Mode, ClientTLSModes),
		checkServerNames(path+".server_names", t.ServerNames),
		t.checkPolicies(path+".connection_policies"),
		t.checkVerify(path),
	)
}

func (t *ClientTLS) checkPolicies(path string) *Problem {
	for i, policy := range t.ConnectionPolicies {
		if policy == nil {
			return &Problem{path + "." + strconv.Itoa(i), "is null; write the policy, or remove it"}
		}
	}
	return nil
}

func (t *ClientTLS) checkVerify(path string) *Problem {
	if verifies(t.Mode) && !t.hasAuthorities() {
		return &Problem{path, fmt.Sprintf("is %s, but nothing says whose certificates are good; write `client_ca <file>`, "+
			"or client_auth with a trust_pool, and a mode that verifies, in every connection_policy", t.Mode)}
	}
	return nil
}

// asksForCertificates reports that clients may show certificates that are then verified.
func (t *ClientTLS) asksForCertificates() bool {
	return t != nil && t.Mode != "disable" && t.hasAuthorities()
}

// hasAuthorities reports that a client's certificate is verified, whichever policy its connection falls under: by what the
// policy itself says of clients, or else by client_ca.
func (t *ClientTLS) hasAuthorities() bool {
	for _, policy := range t.ConnectionPolicies {
		switch {
		case policy == nil:
			return false
		case policy.ClientAuthentication != nil && policy.ClientAuthentication.Active():
			if !provesCertificates(policy.ClientAuthentication) {
				return false
			}
		case t.ClientCA == "":
			return false
		}
	}
	return t.ClientCA != "" || len(t.ConnectionPolicies) > 0
}

// provesCertificates: modes request and require of Caddy take any certificate, also one that the client has signed itself;
// without a pool of authorities those of the system count, which sign for anybody; and a verifier may look at something
// else altogether, such as revocation.
func provesCertificates(c *caddytls.ClientAuthentication) bool {
	return len(c.CARaw) > 0 && c.Mode != "request" && c.Mode != "require"
}

// check refuses what would look like a check of the server's certificate, and be none.
func (t *ServerTLS) check(path string) *Problem {
	if t == nil {
		return nil
	}
	if p := oneOf(path+".mode", t.Mode, ServerTLSModes); p != nil {
		return p
	}
	mode := Word(t.Mode, ServerTLSModes)
	switch {
	case t.CA != "" && (mode == "prefer" || mode == "require"):
		return &Problem{path + ".ca", fmt.Sprintf("is never looked at in mode %s, which takes any certificate; "+
			"write `server_tls verify-full`, or verify-ca where names do not match", mode)}
	case t.CA == "" && mode == "verify-ca":
		return &Problem{path, "is verify-ca without a ca, so that any certificate that the system trusts would do, for any host; " +
			"write `ca <file>`, or verify-full"}
	case t.Certificate != "" && t.Key == "":
		return &Problem{path + ".certificate", "has no key; write `key <file>`, both in PEM"}
	case t.Key != "" && t.Certificate == "":
		return &Problem{path + ".key", "has no certificate; write `certificate <file>`, both in PEM"}
	case t.ServerName != "":
		return checkHostName(path+".server_name", t.ServerName)
	}
	return nil
}

func verifies(mode string) bool { return mode == "verify-ca" || mode == "verify-full" }

func checkServerNames(path string, names []string) *Problem {
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		// Only a whole first label may be a wildcard, as in certificates.
		if p := checkHostName(path, strings.TrimPrefix(name, "*.")); p != nil {
			return p
		}
		if seen[strings.ToLower(name)] {
			return &Problem{path, fmt.Sprintf("has %s twice; remove one", name)}
		}
		seen[strings.ToLower(name)] = true
	}
	return nil
}

// checkHostName takes names and IP addresses as certificates have them (RFC 1123, with _ as DNS has it).
func checkHostName(path, name string) *Problem {
	if HasPlaceholder(name) {
		return nil
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return nil
	}
	if host, _, found := strings.Cut(name, ":"); found {
		return &Problem{path, fmt.Sprintf("has %q, but names have no scheme and no port; write %s", name, hostHint(host))}
	}
	if len(name) > 253 {
		return &Problem{path, fmt.Sprintf("has a name of %d bytes; DNS has at most 253", len(name))}
	}
	for label := range strings.SplitSeq(name, ".") {
		if !validLabel(label) {
			return &Problem{path, fmt.Sprintf("has %q, which is no host name; write names like pg.example.com or *.example.com", name)}
		}
	}
	return nil
}

func hostHint(host string) string {
	if validLabel(strings.ReplaceAll(host, ".", "")) && strings.Contains(host, ".") {
		return host
	}
	return "the name alone, like pg.example.com"
}

func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for _, c := range []byte(label) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
