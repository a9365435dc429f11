package config

import (
	"fmt"
	"strconv"
	"strings"
)

// checkPriority also refuses a line that never counts, because one before it fits all that it fits.
func checkPriority(path string, lines []*Priority) *Problem {
	for i, line := range lines {
		at := path + "." + strconv.Itoa(i)
		if line == nil {
			return &Problem{at, "is null; write by, name and level, or remove it"}
		}
		if p := line.check(at); p != nil {
			return p
		}
		for _, before := range lines[:i] {
			switch {
			case before.By != line.By:
			case before.Name == line.Name:
				return &Problem{at, fmt.Sprintf("has %s %s a second time; remove one", line.By, line.Name)}
			case before.covers(line):
				return &Problem{at, fmt.Sprintf("never counts, because %s %s stands before %s and fits first; put it before that",
					before.By, before.Name, line.Name)}
			}
		}
	}
	return nil
}

func (l *Priority) check(path string) *Problem {
	switch {
	case l.By == "":
		return &Problem{path, "does not say by what; write user, database or application_name"}
	case l.Name == "":
		return &Problem{path, "has no name; write a name, or a prefix ending in *"}
	case strings.Contains(strings.TrimSuffix(l.Name, "*"), "*"):
		return &Problem{path, fmt.Sprintf("has %q, but a * may stand only at the end; write one prefix, or several lines", l.Name)}
	case l.Level == "":
		return &Problem{path, "has no level; write high, normal or low"}
	}
	return first(
		oneOf(path+".by", l.By, PriorityKinds),
		oneOf(path+".level", l.Level, PriorityLevels),
	)
}

// covers reports that l fits all that the other line fits.
func (l *Priority) covers(other *Priority) bool {
	prefix, any := strings.CutSuffix(l.Name, "*")
	return any && strings.HasPrefix(strings.TrimSuffix(other.Name, "*"), prefix)
}
