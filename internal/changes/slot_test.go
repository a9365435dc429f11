package changes

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// A slot may take as long to be made as maxSlotWait: Postgres waits for whoever is under way. One that takes longer is given up, and who reads
// that is told what to end.
func TestTheWaitForASlotIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		wait time.Duration
		made bool
	}{
		"at the limit": {maxSlotWait - time.Nanosecond, true},
		"past it":      {maxSlotWait + time.Nanosecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				ended := make(chan bool)
				go func() { makesSlots(far, c.wait); close(ended) }()
				defer func() { near.Close(); <-ended }()
				s := &Stream{Publication: "pub", Log: func(string, string, string) {}, Patience: time.Second}
				began := time.Now()
				err := s.start(newConn(near), "slot")
				switch took := time.Since(began); {
				case c.made && err != nil:
					t.Errorf("after %v: %v", took, err)
				case c.made:
				case took != maxSlotWait || !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "pg_prepared_xacts"):
					t.Errorf("it is given up after %v: %v", took, err)
				}
			})
		})
	}
}

// makesSlots answers as Postgres does that makes a slot when others are done.
func makesSlots(c net.Conn, wait time.Duration) {
	in := bufio.NewReader(c)
	for {
		header := make([]byte, pgwire.HeaderLen)
		if _, err := io.ReadFull(in, header); err != nil {
			return
		}
		text := make([]byte, pgwire.FrameLen(header)-pgwire.HeaderLen)
		if _, err := io.ReadFull(in, text); err != nil {
			return
		}
		answer := message('Z', pgwire.HeaderLen+1)
		switch word, _, _ := strings.Cut(string(text), " "); word {
		case "CREATE_REPLICATION_SLOT":
			time.Sleep(wait)
		case "START_REPLICATION":
			answer = message('W', pgwire.HeaderLen)
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}
