package poolhandler

import (
	"os"
	"testing"
	"time"
)

// TestMain has timeouts be longer that end nothing here unless a machine stands still: no test waits for one of them to pass.
func TestMain(m *testing.M) {
	refusalTimeout = 30 * time.Second
	redisTimeout, readTimeout = 20*time.Second, 20*time.Second
	os.Exit(m.Run())
}
