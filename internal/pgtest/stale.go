package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// rootPattern is how the directories of servers are named, in the system's temporary directory.
const rootPattern = "pgtest-*"

// ownerFile holds the process id of whoever started a server, beside its data.
const ownerFile = "owner"

// claim notes that a server's directory is ours.
func claim(root string) error {
	if err := os.WriteFile(filepath.Join(root, ownerFile), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		return fmt.Errorf("claiming the directory of Postgres: %w", err)
	}
	return nil
}

// removeStale removes what processes have left that were killed: their servers have died with them.
var removeStale = sync.OnceFunc(func() {
	roots, _ := filepath.Glob(filepath.Join(os.TempDir(), rootPattern))
	for _, root := range roots {
		text, err := os.ReadFile(filepath.Join(root, ownerFile))
		if err != nil {
			continue // not a server's, or not yet claimed
		}
		owner := strings.TrimSpace(string(text))
		if _, err := os.Stat(filepath.Join("/proc", owner)); os.IsNotExist(err) {
			os.RemoveAll(root)
		}
	}
})
