package demo

import (
	"net"
	"net/http"
	"sync"
)

// unused are the connections on which nothing has been asked for yet. Browsers open such
// in advance; at the end http.Server would wait seconds for a first request on each.
type unused struct {
	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

// state is told what becomes of a connection: see http.Server.ConnState.
func (u *unused) state(c net.Conn, now http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case now != http.StateNew:
		delete(u.open, c)
	case u.closed:
		c.Close() //nolint:errcheck // nobody has asked for anything
	default:
		if u.open == nil {
			u.open = map[net.Conn]bool{}
		}
		u.open[c] = true
	}
}

// close ends them, and those that come from now on.
func (u *unused) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for c := range u.open {
		c.Close() //nolint:errcheck // nobody has asked for anything
	}
}
