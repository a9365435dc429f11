package prepared

// MaxBindings bounds the prepared statements that all clients of a shard have, together.
const MaxBindings = 1 << 24

// Names is the prepared statements of clients: (client, name) → StmtID. The clients' structs hold the head of a list
// of their own statements, a uint32 that is 0 at first and that nobody else changes. Without a pointer for any
// client or name. The zero value is not usable: NewNames.
type Names struct {
	set      nameSet
	bindings slab[binding]
	index    map[uint64]meaning // by client and NameID
}

// binding is one name of one client.
type binding struct {
	client     uint32
	name       NameID
	prev, next uint32 // in the client's list
}

// meaning is what a name stands for. It is kept in the index and not in the binding, so that a look-up among a million
// clients has one place less to fetch from memory.
type meaning struct {
	binding uint32
	stmt    StmtID
	told    Shape
}

// NewNames returns an empty table.
func NewNames() *Names {
	return &Names{
		set:   nameSet{byHash: make(map[uint64]NameID)},
		index: make(map[uint64]meaning),
	}
}

func bindingKey(client uint32, name NameID) uint64 { return uint64(client)<<32 | uint64(name) }

// Set makes name the client's name for stmt. It returns what the name stood for before, None if it was free; the
// caller releases it. What the client was told of the name is kept. It reports false, and changes nothing, where MaxBindings or MaxNameBytes is reached.
func (n *Names) Set(client uint32, head *uint32, name []byte, stmt StmtID) (replaced StmtID, ok bool) {
	if id, m := n.find(client, name); m.binding != 0 {
		n.index[bindingKey(client, id)] = meaning{m.binding, stmt, m.told}
		return m.stmt, true
	}
	if n.bindings.len() >= MaxBindings {
		return None, false
	}
	id := n.set.retain(name)
	if id == 0 {
		return None, false
	}
	b := n.bindings.take()
	*n.bindings.at(b) = binding{client: client, name: id, next: *head}
	if *head != 0 {
		n.bindings.at(*head).prev = b
	}
	*head = b
	n.index[bindingKey(client, id)] = meaning{binding: b, stmt: stmt}
	return None, true
}

// Get is what the client's name stands for.
func (n *Names) Get(client uint32, name []byte) (StmtID, bool) {
	_, m := n.find(client, name)
	return m.stmt, m.binding != 0
}

// Told is Get, and the shape that the client was told the statement has, 0 if it was told none.
func (n *Names) Told(client uint32, name []byte) (StmtID, Shape, bool) {
	_, m := n.find(client, name)
	return m.stmt, m.told, m.binding != 0
}

// Tell notes that the client was told the shape of stmt by its name, unless the name stands for another meanwhile.
func (n *Names) Tell(client uint32, name []byte, stmt StmtID, shape Shape) {
	if id, m := n.find(client, name); m.binding != 0 && m.stmt == stmt {
		n.index[bindingKey(client, id)] = meaning{m.binding, stmt, shape}
	}
}

// Delete frees the client's name and returns what it stood for, for the caller to release.
func (n *Names) Delete(client uint32, head *uint32, name []byte) (StmtID, bool) {
	_, m := n.find(client, name)
	if m.binding == 0 {
		return None, false
	}
	e := *n.bindings.at(m.binding)
	if e.prev != 0 {
		n.bindings.at(e.prev).next = e.next
	} else {
		*head = e.next
	}
	if e.next != 0 {
		n.bindings.at(e.next).prev = e.prev
	}
	n.remove(m.binding, &e)
	return m.stmt, true
}

// Clear frees all names of the client and tells release what each stood for. Release must not change Names.
func (n *Names) Clear(client uint32, head *uint32, release func(StmtID)) {
	for b := *head; b != 0; {
		e := *n.bindings.at(b)
		if e.client != client {
			panic("bug: a client's list of prepared statements holds another client's")
		}
		release(n.remove(b, &e))
		b = e.next
	}
	*head = 0
}

// NameOf is a name the client has for stmt, the latest it gave; nil if it has none, and for a client's only
// unnamed statement an empty name that is not nil. A view, valid until the next Set, Delete or Clear.
func (n *Names) NameOf(client uint32, head *uint32, stmt StmtID) []byte {
	for b := *head; b != 0; {
		e := n.bindings.at(b)
		if n.index[bindingKey(client, e.name)].stmt == stmt {
			return n.set.view(e.name)
		}
		b = e.next
	}
	return nil
}

// Count is how many names a client with this head of its list has given.
func (n *Names) Count(head uint32) (count int) {
	for b := head; b != 0; b = n.bindings.at(b).next {
		count++
	}
	return count
}

// Latest is the name that a client, with this head of its list, has given last; false if it has none. A view, valid until
// the next Set, Delete or Clear.
func (n *Names) Latest(head uint32) (name []byte, stmt StmtID, ok bool) {
	if head == 0 {
		return nil, None, false
	}
	e := n.bindings.at(head)
	return n.set.view(e.name), n.index[bindingKey(e.client, e.name)].stmt, true
}

// GetID is the ID under which the client's name is known, and what it stands for. The ID is valid as long as any client
// uses that name.
func (n *Names) GetID(client uint32, name []byte) (NameID, StmtID, bool) {
	id, m := n.find(client, name)
	if m.binding == 0 {
		return 0, None, false
	}
	return id, m.stmt, true
}

// GetByID is the name with that ID. A view, valid until the next Set, Delete or Clear.
func (n *Names) GetByID(id NameID) []byte { return n.set.view(id) }

// Len is the number of prepared statements all clients have.
func (n *Names) Len() int { return n.bindings.len() }

// find is what the client's name stands for; with no binding if the name is free.
func (n *Names) find(client uint32, name []byte) (NameID, meaning) {
	id := n.set.find(name)
	if id == 0 {
		return 0, meaning{}
	}
	return id, n.index[bindingKey(client, id)]
}

// remove forgets a binding that is no longer in its client's list, and returns what it stood for.
func (n *Names) remove(b uint32, e *binding) StmtID {
	key := bindingKey(e.client, e.name)
	stmt := n.index[key].stmt
	delete(n.index, key)
	n.set.release(e.name)
	n.bindings.put(b)
	return stmt
}
