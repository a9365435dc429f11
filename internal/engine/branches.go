package engine

// A (pool, database, user) has its servers in one pool of its own, the root, as long as any upstream that takes transactions
// is as good as the other. Where transactions are sent to an upstream that is chosen for them (see route.go), each of these
// upstreams has a pool of its own beside it, a branch: with a ledger, a queue and pool_size permits, like any other. A client
// belongs to the root, and waits in, or has its server of, the root or one branch at a time (client.at).
//
//	(app, db, alice) ──root──▶ the primary: writes, and whatever is not known to read
//	                 ├─branch▶ replica 1: reads
//	                 ├─branch▶ replica 2: reads
//	                 └─lobby─▶ nobody: reads for which there is no replica now

// lobby is the upstream of the branch in which clients wait for a replica where there is none: no address is like it, so it
// never has a server.
const lobby = "-"

// branch is this shard's part of the pool that a root has at an upstream.
func (s *Shard) branch(root *shardPool, upstream string) *shardPool {
	if p := root.branch(upstream); p != nil {
		return p
	}
	p := s.part(s.engine.joinedBranch(root.shared, upstream))
	p.root = root
	root.branches = append(root.branches, p)
	return p
}

// branch is that, or nil if there is none yet.
func (p *shardPool) branch(upstream string) *shardPool {
	for _, b := range p.branches {
		if b.shared.upstream == upstream {
			return b
		}
	}
	return nil
}

// top is the root of a pool.
func (p *shardPool) top() *shardPool {
	if p.root != nil {
		return p.root
	}
	return p
}

// partOf is this shard's part of a pool, root or branch; nil if it has none.
func (s *Shard) partOf(shared *sharedPool) *shardPool {
	p := s.byKey[shared.poolKey]
	if p == nil || shared.root == nil {
		return p
	}
	return p.branch(shared.upstream)
}

// joinShared is this shard's part of a pool, which is made where it is not there.
func (s *Shard) joinShared(shared *sharedPool) *shardPool {
	root := s.join(shared.poolKey)
	if shared.root == nil {
		return root
	}
	return s.branch(root, shared.upstream)
}

// family is the root of a pool and its branches.
func (p *shardPool) family(yield func(*shardPool) bool) {
	root := p.top()
	if !yield(root) {
		return
	}
	for _, b := range root.branches {
		if !yield(b) {
			return
		}
	}
}
