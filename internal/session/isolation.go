package session

// Isolation is how a transaction is isolated, as far as the BEGIN tells that it began with.
type Isolation uint8

const (
	// IsolationUnknown: there is no transaction, or nobody can tell, or it is another than the others here.
	IsolationUnknown Isolation = iota
	// IsolationDefault: as default_transaction_isolation says.
	IsolationDefault
	// ReadCommitted: each statement sees what has been committed before it.
	ReadCommitted
)

// The words between BEGIN and its options, and the options that leave it readable.
var (
	beginnings  = []string{"begin transaction", "begin work", "begin", "start transaction"}
	accessModes = []string{"read only", "read write"}
	committed   = []string{levelWords[2], levelWords[3]}
)

// IsolationOf is the isolation of the transaction that a text begins, which is a BEGIN and nothing else.
func IsolationOf(text []byte) Isolation {
	rest, ok := afterOneOf(text, beginnings)
	if !ok {
		return IsolationUnknown
	}
	isolation := IsolationDefault
	for !isOver(rest) {
		after, isLevel := afterOneOf(rest, committed)
		if isLevel {
			isolation = ReadCommitted
		} else if after, ok = afterOneOf(rest, accessModes); !ok {
			return IsolationUnknown
		}
		rest = after
	}
	return isolation
}

// afterOneOf is what follows the first of several words that a text begins with.
func afterOneOf(text []byte, words []string) (rest []byte, ok bool) {
	for _, w := range words {
		if rest, ok = afterWords(text, w); ok {
			return rest, true
		}
	}
	return nil, false
}

// Begun is the isolation of the transaction that the client is in and no server knows of, if it is in one.
func (c *Client) Begun() Isolation {
	switch c.begun {
	case 1:
		return IsolationDefault
	case 2, 3:
		return ReadCommitted
	}
	return IsolationUnknown
}
