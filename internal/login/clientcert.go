package login

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
)

// wantCertificate refuses a client that needs a certificate and has shown none, before it is asked for anything else.
func (a Auth) wantCertificate(info *TLSInfo) error {
	if a.Method != Cert && !a.NeedCert || info != nil && info.Certificate != nil {
		return nil
	}
	cause := errors.New("the client has shown none")
	if info == nil {
		cause = errors.New("the connection is not encrypted")
	}
	return &Refusal{
		SQLState: invalidAuthorization,
		Message:  "connection requires a valid client certificate",
		Hint:     "Connect with sslcert and sslkey, and sslmode=require or stronger.",
		Cause:    cause,
	}
}

// checkCertificate refuses a client whose certificate is not for the user. It comes last, as in Postgres: whoever does
// not know the password learns nothing of who may.
func (a Auth) checkCertificate(info *TLSInfo, user string) error {
	if a.Method != Cert && !a.NeedCert {
		return nil
	}
	name := commonName(info.Certificate)
	allowed, mapped := a.CertUser[name]
	if !mapped {
		allowed = []string{name}
	}
	if name != "" && slices.Contains(allowed, user) {
		return nil
	}
	return &Refusal{
		SQLState: invalidAuthorization,
		Message:  fmt.Sprintf("certificate authentication failed for user \"%s\"", user),
		Hint:     "Log in as the user that the certificate's common name is for; `cert_user` in `auth` of the pool says which.",
		Cause:    fmt.Errorf("the certificate's common name is %q, which may log in as %q", name, allowed),
	}
}

var commonNameOID = asn1.ObjectIdentifier{2, 5, 4, 3}

// commonName is the first one of the subject, as Postgres has it; Go's field is the last.
func commonName(c *x509.Certificate) string {
	for _, attribute := range c.Subject.Names {
		if attribute.Type.Equal(commonNameOID) {
			name, _ := attribute.Value.(string)
			return name
		}
	}
	return ""
}
