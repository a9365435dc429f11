package config

// Nearest returns the word that the written one was probably meant to be: at most a third of its letters away, or
// "" if none is.
func Nearest(written string, words []string) string {
	best, bestDistance := "", 1+max(1, len(written)/3)
	for _, w := range words {
		if d := distance(written, w); d < bestDistance {
			best, bestDistance = w, d
		}
	}
	return best
}

// distance is how many letters have to be changed, added or left out (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
