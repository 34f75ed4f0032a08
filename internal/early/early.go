// Package early ends, with a server, the connections that were opened early: on which
// nothing has been asked for yet. Browsers open such in advance, and http.Server would wait
// seconds for a first request on each.
package early

import (
	"net"
	"net/http"
	"sync"
)

// Watch has a server that is shut down close them. Call it before the server serves, and
// after its ConnState is set.
func Watch(s *http.Server) {
	c := &connections{open: map[net.Conn]bool{}, next: s.ConnState}
	s.ConnState = c.state
	s.RegisterOnShutdown(c.close)
}

// connections are those on which nothing has been asked for.
type connections struct {
	next func(net.Conn, http.ConnState)

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

// state is told what becomes of a connection: see http.Server.ConnState.
func (c *connections) state(of net.Conn, now http.ConnState) {
	if c.next != nil {
		c.next(of, now)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case now != http.StateNew:
		delete(c.open, of)
	case c.closed:
		of.Close() //nolint:errcheck // nobody has asked for anything
	default:
		c.open[of] = true
	}
}

// close ends them, and those that come from now on.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for of := range c.open {
		of.Close() //nolint:errcheck // nobody has asked for anything
	}
}
