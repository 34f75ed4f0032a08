package server

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// seats are the connections that clients may have at the same time. Where all are taken,
// the one that has been silent for longest since its last request gives way to the next;
// where none is silent, the next one waits.
type seats struct {
	taken chan struct{}

	mu     sync.Mutex
	silent list.List // *conn whose last request was answered, the longest so first
	wait   int       // how many wait for a seat

	gaveWay, waited atomic.Uint64 // times
}

func newSeats(n int) *seats {
	return &seats{taken: make(chan struct{}, n)}
}

// settles is how long a connection of HTTP/2 has been silent before it gives way: of its
// last answer something may be on its way still, and its first request comes just behind
// the words by which it begins, after which it counts as idle for the first time.
const settles = 100 * time.Millisecond

// take waits for a seat; false if the listener is closed before there is one.
func (s *seats) take(closed <-chan struct{}) bool {
	select {
	case s.taken <- struct{}{}:
		return true
	default:
	}
	s.waits(1)
	defer s.waits(-1)
	for first := true; ; first = false {
		if longest := s.longestSilent(); longest != nil {
			s.giveWay(longest)
		} else if first {
			s.waited.Add(1)
		}
		select {
		case s.taken <- struct{}{}:
			return true
		case <-closed:
			return false
		case <-time.After(settles):
		}
	}
}

// longestSilent takes the connection that gives way from among those that are silent; nil
// where there is none.
func (s *seats) longestSilent() *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := s.silent.Front(); at != nil; at = at.Next() {
		c := at.Value.(*conn) //nolint:forcetypeassert // as they are put in
		if !c.streams || time.Since(c.since) >= settles {
			s.silent.Remove(at)
			c.place = nil
			return c
		}
	}
	return nil
}

func (s *seats) waits(more int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wait += more
}

func (s *seats) giveWay(c *conn) {
	s.gaveWay.Add(1)
	c.Close() //nolint:errcheck // whatever it is, the seat is free
}

// leave frees the seat of a connection that is closed.
func (s *seats) leave(c *conn) {
	s.speaks(c)
	<-s.taken
}

// state is told what becomes of a connection: see http.Server.ConnState.
func (s *seats) state(of net.Conn, now http.ConnState) {
	secure, _ := of.(*tls.Conn)
	if secure != nil {
		of = secure.NetConn()
	}
	c, ok := of.(*conn)
	if !ok {
		return
	}
	switch now {
	case http.StateNew: // it has so much time for its first request as http.Server gives it
	case http.StateIdle:
		if s.isSilent(c, secure != nil && secure.ConnectionState().NegotiatedProtocol == "h2") {
			s.giveWay(c)
		}
	case http.StateActive, http.StateHijacked, http.StateClosed:
		s.speaks(c)
	}
}

// isSilent puts a connection behind those that are silent, and reports whether it gives way
// at once to somebody who waits for its seat.
func (s *seats) isSilent(c *conn, streams bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.streams = streams
	if c.place == nil {
		c.place, c.since = s.silent.PushBack(c), time.Now()
	}
	return s.wait > 0 && !streams
}

// speaks takes a connection from among those that are silent.
func (s *seats) speaks(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.place != nil {
		s.silent.Remove(c.place)
		c.place = nil
	}
}
