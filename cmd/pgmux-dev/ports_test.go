package main

import (
	"fmt"
	"net"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

func TestAnAddressIsReservedForOne(t *testing.T) {
	port, err := pgtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	wanted := fmt.Sprintf("127.0.0.1:%d", port)
	first, release, err := reserve(wanted)
	if first != wanted || err != nil {
		t.Fatalf("got %s, %v, want %s, which is free", first, err, wanted)
	}
	second, releaseSecond, err := reserve(wanted)
	if second == wanted || err != nil {
		t.Fatalf("got %s, %v, want another than %s", second, err, wanted)
	}
	defer releaseSecond()
	if err := release(); err != nil {
		t.Fatal(err)
	}
	third, releaseThird, err := reserve(wanted)
	if third != wanted || err != nil {
		t.Fatalf("got %s, %v, want %s, which was given back", third, err, wanted)
	}
	defer releaseThird()
}

func TestAnAddressThatAStrangerHasIsNotReserved(t *testing.T) {
	stranger, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	got, release, err := reserve(stranger.Addr().String())
	if got == stranger.Addr().String() || err != nil {
		t.Fatalf("got %s, %v, want another address", got, err)
	}
	defer release()
}
