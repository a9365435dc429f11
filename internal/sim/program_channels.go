package sim

import "fmt"

// channelNames is the channels of the world, as they stand in SQL; listenNames the statements about them that clients prepare.
var (
	channelNames = []string{"a", "B", `"C"`, "d"}
	listenNames  = map[string]bool{"l0": true, "l1": true}
)

func (p *program) channel() string { return channelNames[p.dice(len(channelNames))] }

// aboutChannels is a statement about channels.
func (p *program) aboutChannels() string {
	t := p.tag()
	switch p.dice(12) {
	case 0, 1, 2:
		return fmt.Sprintf("LISTEN %s /* %s */", p.channel(), t)
	case 3, 4:
		return fmt.Sprintf("UNLISTEN %s /* %s */", p.channel(), t)
	case 5:
		return fmt.Sprintf("UNLISTEN * /* %s */", t)
	case 6, 7:
		return fmt.Sprintf("SELECT pg_notify('%s', '%s') /* %s */", identifier(p.channel()), t[1:len(t)-1], t)
	}
	return fmt.Sprintf("NOTIFY %s, '%s' /* %s */", p.channel(), t[1:len(t)-1], t)
}

// channels is a batch about channels.
func (p *program) channels(b *batch) {
	switch p.dice(10) {
	case 0: // several at once; the same notification twice
		t := p.tag()
		channel, text := p.channel(), ""
		for range 2 + p.dice(2) {
			text += fmt.Sprintf("NOTIFY %s, '%s' /* %s */;", channel, t[1:len(t)-1], p.tag())
		}
		b.query(text + p.aboutChannels())
	case 1:
		b.query(p.aboutChannels() + ";" + p.aboutChannels() + ";SELECT fail('" + p.tag() + "')")
	case 2:
		if p.inTransaction == 0 && !p.statements {
			end := []string{"COMMIT", "COMMIT", "ROLLBACK"}[p.dice(3)]
			b.query(fmt.Sprintf("BEGIN; %s; %s; %s /* %s */", p.aboutChannels(), p.aboutChannels(), end, p.tag()))
			return
		}
		b.query(p.aboutChannels())
	case 3:
		b.query(fmt.Sprintf("SELECT pg_listening_channels() /* %s */", p.tag()))
	case 4, 5:
		for range 1 + p.dice(4) {
			p.channelPiece(b)
			if p.dice(8) == 0 {
				b.sync()
			}
		}
		b.sync()
	default:
		b.query(p.aboutChannels())
	}
}

// channelPiece is extended messages about channels.
func (p *program) channelPiece(b *batch) {
	name := fmt.Sprintf("l%d", p.dice(len(listenNames)))
	kind := p.dice(8)
	if kind == 0 && p.splits {
		kind = 7 // a replica that is told to listen has to know whose that is
	}
	switch kind {
	case 0: // a text that others prepare as well
		text := []string{"LISTEN " + p.channel(), "UNLISTEN " + p.channel(), "UNLISTEN *"}[p.dice(3)]
		b.add('P', name, text, int16(0))
	case 1, 2:
		b.add('B', "", name, int16(0), int16(0), int16(0))
		b.add('E', "", int32(0))
	case 3, 4: // its payload is a parameter
		b.add('P', "", fmt.Sprintf("SELECT pg_notify('%s', $1)", identifier(p.channel())), int16(0))
		p.bind(b, "", "")
		b.add('E', "", int32(0))
	case 5:
		p.piece(b)
	default:
		b.add('P', "", p.aboutChannels(), int16(0))
		b.add('B', "", "", int16(0), int16(0), int16(0))
		b.add('E', "", int32(0))
	}
}
