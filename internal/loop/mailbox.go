package loop

import "sync"

// Mailbox carries messages from any goroutine to the core of one loop. Reading happens on the loop, when the driver
// says Woken.
type Mailbox[M any] struct {
	mu    sync.Mutex
	wake  func()
	in    []M
	spare []M
	shut  bool
}

// Bind says how to wake the loop. Before that, messages wait.
func (m *Mailbox[M]) Bind(wake func()) {
	m.mu.Lock()
	m.wake = wake
	pending := len(m.in) > 0
	m.mu.Unlock()
	if pending {
		wake()
	}
}

// Post adds a message, and wakes the loop if it is the first since the last Take. It reports false after Shut: nobody is
// going to read the message.
func (m *Mailbox[M]) Post(message M) bool {
	m.mu.Lock()
	if m.shut {
		m.mu.Unlock()
		return false
	}
	m.in = append(m.in, message)
	wake := m.wake
	first := len(m.in) == 1
	m.mu.Unlock()
	if first && wake != nil {
		wake()
	}
	return true
}

// Shut takes no more messages, and returns those that nobody has taken.
func (m *Mailbox[M]) Shut() []M {
	m.mu.Lock()
	m.shut = true
	m.mu.Unlock()
	return m.Take()
}

// Take takes all messages, in order. The slice is valid until the next Take.
func (m *Mailbox[M]) Take() []M {
	clear(m.spare)
	m.mu.Lock()
	taken := m.in
	m.in, m.spare = m.spare[:0], taken
	m.mu.Unlock()
	return taken
}
