package command

import "fmt"

// fewest is what a section needs to be worth showing: its titles and a row.
const fewest = 2

// share divides lines among sections. In turns each gets one more, until it has what it wants; so small ones are complete, and
// large ones get the same. Where there is not even room for titles and a row of each, the last ones get nothing.
func share(lines int, wants []int) []int {
	got := make([]int, len(wants))
	for i, want := range wants {
		first := min(want, fewest)
		if first > lines {
			break
		}
		got[i] = first
		lines -= first
	}
	for given := true; given && lines > 0; {
		given = false
		for i := range wants {
			if lines > 0 && got[i] > 0 && got[i] < wants[i] {
				got[i]++
				lines--
				given = true
			}
		}
	}
	return got
}

// clipped is the first n lines of a section; the last of them says how many are missing.
func clipped(block []line, n, width int) []line {
	if n >= len(block) {
		return block
	}
	if n <= fewest {
		return block[:n]
	}
	missing := len(block) - (n - 1)
	return append(block[:n-1:n-1], line{bounded(fmt.Sprintf("… and %s more", count(missing)), width), faint})
}

// scrolled leaves out rows behind the titles, but not so many that lines stay empty, and says how many.
func scrolled(block []line, by, height int) ([]line, int) {
	by = max(0, min(by, len(block)-max(height, 1)))
	return append(block[:1:1], block[1+by:]...), by
}
