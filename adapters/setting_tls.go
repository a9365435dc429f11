package adapters

var tlsSettings = []setting{
	together("client_tls_sslmode", "disable", "`tls <mode>`: `disable`, `allow` (and `prefer`), `require`, `verify-ca`; its `verify-full` is "+
		"`verify-ca` there, and so here. By the Unix socket nobody has to encrypt, there and here"),
	together("client_tls_cert_file", "", "a file loaded into Caddy's TLS app (`load_files`), which each pool's connection policy selects. "+
		"Caddy's automation, `tls { server_names … }`, makes it needless"),
	together("client_tls_key_file", "", "as `client_tls_cert_file`"),
	together("client_tls_ca_file", "", "`tls { client_ca … }`, with `verify-ca` and `verify-full`; with other modes it is looked at neither there nor here"),
	together("client_tls_protocols", "secure", "`tls { connection_policy { protocols … } }`; TLS 1.2 and 1.3 exist"),
	isMissing("client_tls_ciphers", "default", "none: Go's ciphers, none of which is weak; `connection_policy { ciphers … }` takes names of Go", goodCiphers...),
	isMissing("client_tls13_ciphers", "", "none: all ciphers of TLS 1.3 are good, and not chosen"),
	together("client_tls_ecdhcurve", "auto", "`tls { connection_policy { curves … } }`: `prime256v1`, `secp384r1`, `secp521r1`, `X25519`"),
	isMissing("client_tls_dheparams", "auto", "none: DHE is not spoken, ECDHE is", "auto", "none"),
	together("server_tls_sslmode", "prefer", "`server_tls <mode>`: `disable`, `prefer`, `require`, `verify-ca`, `verify-full`; `allow`, which "+
		"is `prefer` there, is `prefer`"),
	together("server_tls_ca_file", "", "`server_tls { ca … }`, with `verify-ca` and `verify-full`; with other modes it is looked at neither there nor here"),
	together("server_tls_cert_file", "", "`server_tls { certificate … }`, read again when it changes"),
	together("server_tls_key_file", "", "`server_tls { key … }`"),
	isMissing("server_tls_protocols", "secure", "none: TLS 1.2 and 1.3, whichever the server has", "secure", "all", "legacy", "tlsv1.2,tlsv1.3"),
	isMissing("server_tls_ciphers", "default", "none: Go's ciphers, none of which is weak", goodCiphers...),
	isMissing("server_tls13_ciphers", "", "none: all ciphers of TLS 1.3 are good, and not chosen"),
}

// goodCiphers is what PgBouncer calls those that OpenSSL takes by itself.
var goodCiphers = []string{"default", "secure", "fast", "normal"}
