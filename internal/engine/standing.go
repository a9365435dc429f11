package engine

// Standing is what operators have ordered and what stands: for a declared pool, or, if Database is not empty, for that database of it.
type Standing struct {
	Target
	Paused   bool // nobody is given a server: pause, kill
	Disabled bool // no client is let in: disable, drain
}

// Standing tells what stands for each declared pool, in no certain order, and for each database of one for which it is something else than for the pool.
func (e *Engine) Standing() []Standing {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []Standing
	for name, t := range e.templates {
		if t.removed.Load() {
			continue
		}
		all = append(all, e.standing(t, Target{Pool: name}))
		for database := range e.databasesOf(t, name) {
			all = append(all, e.standing(t, Target{Pool: name, Database: database}))
		}
	}
	return all
}

func (e *Engine) standing(t *template, k Target) Standing {
	h := e.stands(t, k)
	return Standing{Target: k, Paused: h&haltServers != 0, Disabled: h&(haltNewcomers|haltClients) != 0}
}

// databasesOf is the databases of a declared pool for which orders of their own stand, or pauses are not complete. Under Engine.mu.
func (e *Engine) databasesOf(t *template, pool string) map[string]struct{} {
	all := map[string]struct{}{}
	for database := range t.halts.of {
		all[database] = struct{}{}
	}
	for _, p := range e.orders {
		if p.order == OrderPause && !p.over && p.target.isFor(pool) && p.target.Database != "" {
			all[p.target.Database] = struct{}{}
		}
	}
	return all
}
