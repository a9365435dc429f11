package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
)

// LibpqPipelinePath is where `make test-deps` puts libpq_pipeline, PostgreSQL's own test of pipelines.
func LibpqPipelinePath() (string, error) {
	dir, err := CacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "libpq_pipeline"), nil
}

// LibpqPipeline finds the program.
func LibpqPipeline() (string, error) {
	path, err := LibpqPipelinePath()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("no libpq_pipeline on this machine (`make test-deps` builds it where Postgres comes from Debian's packages): %w", err)
	}
	return path, nil
}
