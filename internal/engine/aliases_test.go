package engine

import "testing"

// Rule 2: a write by one name of a database counts for what is cached by the other, whichever of the two is cached.
func TestAliasesShareWhatIsWritten(t *testing.T) {
	alias := onePool(1)
	alias.Name, alias.ServerDatabase = "alias", "db"
	w := newCacheRig(t, 2, cachePool(2), alias)
	a, b := w.client("a"), w.clientAs("b", Client{Pool: "alias", Database: "nickname"})
	w.keeps(a, "select from a")
	w.note("b, who knows the database by another name, writes")
	w.mute("insert")
	w.waits(b, "insert into a")
	w.misses(a, "select from a")
	w.unmute()
	w.keeps(a, "select from a")
}

func TestAnAliasIsCachedAndTheNameItselfWritten(t *testing.T) {
	cached := cachePool(2)
	cached.ServerDatabase = "real"
	plain := onePool(1)
	plain.Name = "plain"
	w := newCacheRig(t, 1, cached, plain)
	a, b := w.client("a"), w.clientAs("b", Client{Pool: "plain", Database: "real"})
	w.keeps(a, "select from a")
	w.does(b, "insert into a")
	w.misses(a, "select from a")
	w.note("the database that is called as the alias is another one")
	c := w.clientAs("c", Client{Pool: "plain", Database: "db"})
	w.keeps(a, "select from b")
	w.does(c, "insert into b")
	w.writes["b"]--
	w.hits(a, "select from b")
}

// Rules 1 and 3.
func TestServersOfAnAlias(t *testing.T) {
	p := onePool(1)
	p.ServerDatabase = "real"
	w := newCacheRig(t, 1, p)
	a := w.client("a")
	w.says(a, "select from a")
	for _, server := range w.servers {
		if server.dialed.Database != "real" {
			t.Errorf("a server is asked for database %q", server.dialed.Database)
		}
	}
	if len(w.servers) == 0 {
		t.Fatal("there is no server")
	}
	other, alike, none := p, p, onePool(1)
	other.ServerDatabase = "elsewhere"
	if m := w.e.Moves(&Config{Pools: []PoolConfig{other}}); m == nil || *m != (Move{"app", "db", "real", "elsewhere"}) {
		t.Errorf("another database: %+v", m)
	}
	if m := w.e.Moves(&Config{Pools: []PoolConfig{none}}); m == nil || m.To != "db" {
		t.Errorf("no alias any more: %+v", m)
	}
	if m := w.e.Moves(&Config{Pools: []PoolConfig{alike}}); m != nil {
		t.Errorf("the same: %+v", m)
	}
	if m := w.e.Moves(&Config{}); m != nil {
		t.Errorf("a pool that is gone: %+v", m)
	}
}
