package config

import "fmt"

// checkListen looks at each address, and for one that is there twice.
func checkListen(path string, addresses []string) *Problem {
	seen := make(map[string]bool)
	for _, text := range addresses {
		if HasPlaceholder(text) {
			continue
		}
		all, err := ParseListen(text)
		if err != nil {
			return &Problem{path, err.Error()}
		}
		for _, a := range all {
			if seen[a.String()] {
				return &Problem{path, fmt.Sprintf("has %s twice; remove one", a)}
			}
			seen[a.String()] = true
		}
	}
	return nil
}
