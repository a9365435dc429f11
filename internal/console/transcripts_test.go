package console

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

var update = flag.Bool("update", false, "write what was heard into the transcripts")

// Conversations are in testdata/*.txt: `> ` is what the client says, a message a line, `< ` what it hears, and `= ` what
// the world is told. A file whose name begins with
// stats is of a user who is no admin. The world is that of fakeWorld.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			admin := !strings.HasPrefix(filepath.Base(file), "stats")
			w := newFakeWorld()
			if strings.HasPrefix(filepath.Base(file), "orders") {
				w.gone(closing) // nothing is to be waited for
			}
			got := replay(t, string(text), w, talk(t, w, new(Shared), admin))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("-update would write\n%s", got)
			}
		})
	}
}

// replay says what a transcript says, and returns it with what is heard.
func replay(t *testing.T, text string, w *fakeWorld, c *talker) string {
	var out strings.Builder
	var pending bool
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		said, says := strings.CutPrefix(line, "> ")
		switch {
		case strings.HasPrefix(line, "< "), strings.HasPrefix(line, "= "):
			continue
		case !says:
			fmt.Fprintln(&out, line)
			continue
		}
		fmt.Fprintln(&out, line)
		m, answered := message(t, said)
		c.Send(m)
		if pending = !answered; pending {
			continue
		}
		c.say()
		for heard := range strings.SplitSeq(c.hear(), "\n") {
			fmt.Fprintln(&out, "< "+heard)
		}
		if told := w.heard(); told != "" {
			fmt.Fprintln(&out, "= "+strings.ReplaceAll(told, "\n", "\n= "))
		}
	}
	if pending {
		t.Error("the last messages have no Sync")
	}
	return out.String()
}

// message is a message from its words, and whether an answer follows.
func message(t *testing.T, said string) (m pgproto3.FrontendMessage, answered bool) {
	kind, rest, _ := strings.Cut(said, " ")
	words := strings.Fields(rest)
	switch kind {
	case "Query":
		return &pgproto3.Query{String: rest}, true
	case "Parse":
		name, query, _ := strings.Cut(rest, " ")
		return &pgproto3.Parse{Name: strings.Trim(name, `"`), Query: query}, false
	case "Bind":
		return bindMessage(t, words), false
	case "Describe":
		return &pgproto3.Describe{ObjectType: words[0][0], Name: strings.Trim(words[1], `"`)}, false
	case "Execute":
		n, _ := strconv.Atoi(words[1])
		return &pgproto3.Execute{Portal: strings.Trim(words[0], `"`), MaxRows: uint32(n)}, false
	case "Close":
		return &pgproto3.Close{ObjectType: words[0][0], Name: strings.Trim(words[1], `"`)}, false
	case "Sync":
		return &pgproto3.Sync{}, true
	case "CopyDone":
		return &pgproto3.CopyDone{}, true
	}
	t.Fatalf("what is %q?", said)
	return nil, false
}

// bindMessage is `Bind <portal> <statement> <formats>… [$<parameter>]…`.
func bindMessage(t *testing.T, words []string) *pgproto3.Bind {
	m := &pgproto3.Bind{DestinationPortal: strings.Trim(words[0], `"`), PreparedStatement: strings.Trim(words[1], `"`)}
	for _, w := range words[2:] {
		if parameter, is := strings.CutPrefix(w, "$"); is {
			m.Parameters = append(m.Parameters, []byte(parameter))
			continue
		}
		n, err := strconv.Atoi(w)
		if err != nil {
			t.Fatal(err)
		}
		m.ResultFormatCodes = append(m.ResultFormatCodes, int16(n))
	}
	return m
}
