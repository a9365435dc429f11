package config

import (
	"fmt"
	"slices"
	"strings"
)

// checkLog is what is written to the log of clients.
func checkLog(path string, events []string) *Problem {
	if events != nil && len(events) == 0 {
		return &Problem{path, "is empty; write " + strings.Join(LogEvents, ", ") + ", or all, or none"}
	}
	for i, event := range events {
		switch {
		case (event == AllLogEvents || event == NoLogEvents) && len(events) > 1:
			return &Problem{path, fmt.Sprintf("has %s beside others; write %[1]s alone, or the others alone", event)}
		case slices.Contains(events[:i], event):
			return &Problem{path, fmt.Sprintf("has %s twice; remove one", event)}
		}
		if problem := oneOf(path, event, append(slices.Clone(LogEvents), AllLogEvents, NoLogEvents)); problem != nil {
			return problem
		}
		if event == "" {
			return &Problem{path, "has an empty word; write " + strings.Join(LogEvents, ", ") + ", or all, or none"}
		}
	}
	return nil
}
