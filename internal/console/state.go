package console

// showState tells whether everything is paused; there is no SUSPEND. Of single databases, SHOW DATABASES tells.
func (s *session) showState(t *table) error {
	ordered := s.world.Standing()
	paused := len(ordered) > 0
	for _, st := range ordered {
		paused = paused && (st.Paused || st.Database != "")
	}
	t.add("active", changeable(!paused))
	t.add("paused", changeable(paused))
	t.add("suspended", changeable(false))
	return nil
}
