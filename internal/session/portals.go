package session

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

// maxPortals is how many portals with names are known of a server.
const maxPortals = 4

// passExecute passes an Execute on, of what runs.
func (f *feed) passExecute(runs subject, length int) {
	f.s.owed.push(oweExecute, prepared.None).runs = runs
	f.s.open = true
	f.pass(length)
}

// portals is what a server's portals run.
type portals struct {
	unnamed subject
	named   [maxPortals]struct {
		name uint64 // its hash
		subject
	}
	next uint8 // of named to be replaced
}

// bindsPortal notes what a portal runs from here on.
func (f *feed) bindsPortal(portal []byte, id prepared.StmtID) {
	if f.e.OnRan == nil {
		return
	}
	if f.c.Unreadable {
		id = prepared.None
	}
	f.s.portals.set(portal, f.e.subjectOf(id))
}

// set notes what a portal runs, in the place of the one that was bound longest ago if there are too many.
func (p *portals) set(portal []byte, sub subject) {
	if len(portal) == 0 {
		p.unnamed = sub
		return
	}
	name := maphash.Bytes(textSeed, portal)
	for i := range p.named {
		if p.named[i].name == name {
			p.named[i].subject = sub
			return
		}
	}
	p.named[p.next].name, p.named[p.next].subject = name, sub
	p.next = (p.next + 1) % maxPortals
}

// of is what an Execute runs, of which the frame may be there in part.
func (p *portals) of(frame []byte) subject {
	body := frame[pgwire.HeaderLen:]
	if len(body) == 5 && body[0] == 0 { // nearly all are
		return p.unnamed.asked(body[1:])
	}
	portal, rest, _ := pgwire.CString(body)
	return p.at(portal).asked(rest)
}

// asked is what an Execute runs that asks for so many rows.
func (u subject) asked(rows []byte) subject {
	if u.stmt != prepared.None {
		u.length = rowsAsked(rows)
	}
	return u
}

// rowsAsked is how many rows an Execute asks for behind the portal's name, 0: all of them.
func rowsAsked(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return uint32(max(int32(binary.BigEndian.Uint32(b)), 0))
}

// at is what a portal runs.
func (p *portals) at(portal []byte) subject {
	if len(portal) == 0 {
		return p.unnamed
	}
	name := maphash.Bytes(textSeed, portal)
	for i := range p.named {
		if p.named[i].name == name {
			return p.named[i].subject
		}
	}
	return subject{}
}
