package login

import (
	"cmp"
	"strings"
)

// DateStyle is two settings in one: how dates are written, and whether day or month comes first. A value may say only one, and
// leaves the other as it was: so a later one does not simply count instead of an earlier.

// withDateStyles has every value of DateStyle say what an earlier one said and it does not.
func withDateStyles(settings []Setting) []Setting {
	before := ""
	for i, s := range settings {
		if !strings.EqualFold(s.Name, "datestyle") {
			continue
		}
		if before != "" {
			settings[i].Value = dateStyleAfter(before, s.Value)
		}
		before = settings[i].Value
	}
	return settings
}

// dateStyleAfter is a value of DateStyle with what it does not say taken from the one before; as it is, if it cannot be read.
func dateStyleAfter(before, now string) string {
	style, order, ok := dateStyle(now)
	beforeStyle, beforeOrder, wasOK := dateStyle(before)
	if !ok || !wasOK {
		return now
	}
	var words []string
	for _, word := range []string{cmp.Or(style, beforeStyle), cmp.Or(order, beforeOrder)} {
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

// dateStyle is the two halves of a value, as check_datestyle reads them; German dates begin with the day unless it says
// otherwise.
func dateStyle(value string) (style, order string, ok bool) {
	for _, word := range strings.Split(value, ",") {
		word = strings.ToUpper(strings.Trim(word, " \t\n\v\f\r"))
		switch {
		case word == "ISO", word == "SQL", word == "GERMAN", strings.HasPrefix(word, "POSTGRES"):
			style = word
		case word == "YMD":
			order = word
		case word == "DMY", strings.HasPrefix(word, "EURO"):
			order = "DMY"
		case word == "MDY", word == "US", strings.HasPrefix(word, "NONEURO"):
			order = "MDY"
		default:
			return "", "", false
		}
	}
	if style == "GERMAN" && order == "" {
		order = "DMY"
	}
	return style, order, true
}
