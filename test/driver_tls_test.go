//go:build e2e

package e2e

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// As TestDriversOfOtherLanguages, where TLS is required: asked for or begun at once, with what each driver verifies and
// binds to the channel, and by protocol 3.2. Some drivers send their cancels in clear all the same.
func TestDriversOfOtherLanguagesOverTLS(t *testing.T) {
	all := versions()
	version := all[len(all)-1]
	if version < 18 {
		t.Skipf("Postgres %d itself cannot do all that the programs ask for", version)
	}
	a, foreign := newAuthority(t), newAuthority(t)
	options := scramOptions(version)
	if direct() {
		options.HBA = []string{"hostnossl app app 127.0.0.1/32 reject"}
	}
	server := pgtest.Start(t, options)
	a.encrypt(server)
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			s := a.settings("require")
			s.Pool, s.Auth = "pool_size 1\ntls require", scramAuth
			p := startPooler(t, driver, server, s)
			for _, l := range languages {
				t.Run(l.driver.Name, func(t *testing.T) {
					l.speak(t, p.Addr, overTLSSection, "TLS_CA="+a.CA, "TLS_OTHER_CA="+foreign.CA)
				})
			}
		})
	}
}
