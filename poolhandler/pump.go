package poolhandler

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pumpLinger is how long a client may take to close after everything was said to it.
const pumpLinger = 5 * time.Second

// pump carries bytes between a connection that is more than a socket (decrypted, throttled, behind a PROXY header,
// copied to somebody) and a socketpair whose other end the engine has: the loops know descriptors only. It holds what
// is in two copy buffers and the socketpair, whatever either side sends.
type pump struct {
	client net.Conn
	engine *net.UnixConn // our end of the pair
}

// pumping lets one pump be made at a time: each takes descriptors, and many that had found room at the same moment would
// together take more than there is.
var pumping sync.Mutex

// newPump makes a pump and the descriptor of the engine's end.
func newPump(client net.Conn) (p *pump, fd int, err error) {
	pumping.Lock()
	defer pumping.Unlock()
	if err := theLimit.room(forClients); err != nil {
		return nil, -1, err
	}
	pair, err := socketPair()
	if err != nil {
		return nil, -1, fmt.Errorf("making a socketpair (is the limit of open files reached?): %w", err)
	}
	file := os.NewFile(uintptr(pair[0]), "pump")
	conn, err := net.FileConn(file) // a duplicate
	file.Close()
	if err != nil {
		closeFD(pair[1])
		return nil, -1, fmt.Errorf("making a socketpair: %w", err)
	}
	return &pump{client: client, engine: conn.(*net.UnixConn)}, pair[1], nil
}

// run pumps until both directions have ended, and closes both connections. The end of one direction is passed on as
// the end of that direction; an error ends both.
func (p *pump) run() {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if _, err := io.Copy(p.client, p.engine); err != nil || !closeWrite(p.client) {
			p.client.Close()
		}
		// The engine has closed: what the client still says interests nobody, and it may not stay for ever.
		p.client.SetReadDeadline(time.Now().Add(pumpLinger))
	}()
	if _, err := io.Copy(p.engine, p.client); err == nil {
		p.engine.CloseWrite()
	} else {
		p.engine.Close()
	}
	<-sent
	p.client.Close()
	p.engine.Close()
}

// closeWrite ends one direction, if the connection can.
func closeWrite(conn net.Conn) bool {
	half, ok := conn.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}
