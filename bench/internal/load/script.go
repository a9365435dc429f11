package load

import "github.com/pgmux/caddy-pgmux/bench/internal/wire"

// script is what one client says.
type script struct {
	startup []string // settings in its startup message: names and values, by turns
	setup   unit     // once, before the load begins
	units   []unit   // in turn, again and again
}

// unit is what is said in steps, each when the one before has been answered. What is measured is the time from its first
// word to each reply to its last step, and each of those counts as a query.
type unit []step

// step is what is written at once, and what must come of it.
type step struct {
	say     []byte
	replies []reply  // one for each ReadyForQuery
	texts   []string // the SQL in it
	number  int      // where in say eight bytes are that are others each time; 0: nowhere
}

// reply is what a reply must be.
type reply struct {
	rows   int
	status byte   // of the transaction
	value  string // of the column of its row; empty: any
}

// The replies to what nothing is asked with, and to one of no particular value.
var (
	done   = reply{0, 'I', ""}
	inside = reply{0, 'T', ""}
	oneRow = reply{1, 'I', ""}
)

// query is a step of one Query message.
func query(sql string, r reply) step {
	return step{say: wire.AppendQuery(nil, sql), replies: []reply{r}, texts: []string{sql}}
}

// repeated is a step n times in one write.
func repeated(s step, n int) (all step) {
	all.texts = s.texts
	for range n {
		all.say = append(all.say, s.say...)
		all.replies = append(all.replies, s.replies...)
	}
	return all
}

// texts is the SQL that clients say.
func (s script) texts() (all []string) {
	for _, u := range append(s.units, s.setup) {
		for _, st := range u {
			all = append(all, st.texts...)
		}
	}
	return all
}
