package secure

import (
	"crypto"
	"crypto/x509"

	// The hash functions of certificates.
	_ "crypto/sha256"
	_ "crypto/sha512"
)

// Binding is the channel binding data of type tls-server-end-point (RFC 5929, 4.1): the hash of the server's certificate,
// with the hash function that its signature tells. nil if there is none, as with Ed25519. Until Release.
func (c *Conn) Binding() []byte {
	if !c.client {
		certificate, err := x509.ParseCertificate(c.shown)
		if err != nil { // none was shown
			return nil
		}
		return endPoint(certificate)
	}
	if shown := c.tls.ConnectionState().PeerCertificates; len(shown) > 0 {
		return endPoint(shown[0])
	}
	return nil
}

func endPoint(certificate *x509.Certificate) []byte {
	hash := signatureHash(certificate.SignatureAlgorithm)
	if hash == 0 {
		return nil
	}
	h := hash.New()
	h.Write(certificate.Raw)
	return h.Sum(nil)
}

// signatureHash is the hash function of a signature, with SHA-256 in the place of those that are too weak; 0 if it has none
// of its own.
func signatureHash(a x509.SignatureAlgorithm) crypto.Hash {
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1,
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.DSAWithSHA256, x509.ECDSAWithSHA256:
		return crypto.SHA256
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		return crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		return crypto.SHA512
	}
	return 0
}
