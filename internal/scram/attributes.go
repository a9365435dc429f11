package scram

import (
	"bytes"
	"encoding/base64"
	"fmt"
)

// attributes reads "a=value,b=value" from its front. It holds what is left.
type attributes []byte

// want reads the attribute that has to come next.
func (a *attributes) want(name byte) ([]byte, error) {
	if first := a.peek(); first != name {
		return nil, malformed(`Expected attribute "%c" but found "%s".`, name, printable(first))
	}
	_, value, err := a.next()
	return value, err
}

// next reads whatever attribute comes next.
func (a *attributes) next() (name byte, value []byte, err error) {
	name = a.peek()
	if name == 0 {
		return 0, nil, malformed("Attribute expected, but found end of string.")
	}
	if !isLetter(name) {
		return 0, nil, malformed(`Attribute expected, but found invalid character "%s".`, printable(name))
	}
	if len(*a) < 2 || (*a)[1] != '=' {
		return 0, nil, malformed(`Expected character "=" for attribute "%c".`, name)
	}
	value, rest, _ := bytes.Cut((*a)[2:], []byte{','})
	*a = rest
	return name, value, nil
}

// peek is the byte that comes next, 0 at the end.
func (a *attributes) peek() byte {
	if len(*a) == 0 {
		return 0
	}
	return (*a)[0]
}

func isLetter(c byte) bool { return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' }

// printable shows a byte in an error without trusting it.
func printable(c byte) string {
	if c >= 0x21 && c <= 0x7E {
		return fmt.Sprintf("'%c'", c)
	}
	return fmt.Sprintf("0x%02x", c)
}

// isNonce tells whether all is printable as RFC 5802 has it: visible ASCII without the comma.
func isNonce(value []byte) bool {
	for _, c := range value {
		if c < 0x21 || c > 0x7E || c == ',' {
			return false
		}
	}
	return true
}

// decodeKey decodes base64 of exactly KeyBytes.
func decodeKey(text []byte) (key Key, ok bool) {
	var raw [KeyBytes + 3]byte // room for the decoder's last group
	if len(text) != base64.StdEncoding.EncodedLen(KeyBytes) {
		return key, false
	}
	n, err := base64.StdEncoding.Decode(raw[:], text)
	copy(key[:], raw[:n])
	return key, err == nil && n == KeyBytes
}
