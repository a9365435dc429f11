//go:build linux

package uring

import (
	"reflect"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// An idle client costs the driver 20 bytes, which the collector does not look at.
func TestConnIsSmallAndPointerFree(t *testing.T) {
	c := reflect.TypeFor[conn]()
	if c.Size() > 20 {
		t.Errorf("%d bytes", c.Size())
	}
	for i := range c.NumField() {
		switch f := c.Field(i); f.Type.Kind() {
		case reflect.Uint16, reflect.Uint32, reflect.Int32:
		default:
			t.Errorf("field %s is a %s", f.Name, f.Type)
		}
	}
}

func TestUserData(t *testing.T) {
	id := loop.MakeID(1<<32-1, loop.MaxGen)
	if k, i := splitUserData(userData(ofWake, id)); k != ofWake || i != id {
		t.Errorf("kind %d of %x", k, i)
	}
}
