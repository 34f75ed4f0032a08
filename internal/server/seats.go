package server

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
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

// take waits for a seat; false if the listener is closed before there is one.
func (s *seats) take(closed <-chan struct{}) bool {
	select {
	case s.taken <- struct{}{}:
		return true
	default:
	}
	if longest := s.longestSilent(); longest != nil {
		s.giveWay(longest)
	} else {
		s.waited.Add(1)
	}
	defer s.waits(-1)
	select {
	case s.taken <- struct{}{}:
		return true
	case <-closed:
		return false
	}
}

// longestSilent returns the connection that gives way, nil where there is none, and
// counts the caller among those who wait.
func (s *seats) longestSilent() *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wait++
	first := s.silent.Front()
	if first == nil {
		return nil
	}
	return first.Value.(*conn) //nolint:forcetypeassert // as they are put in
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
	if secure, ok := of.(*tls.Conn); ok {
		of = secure.NetConn()
	}
	c, ok := of.(*conn)
	if !ok {
		return
	}
	switch now {
	case http.StateNew: // it has so much time for its first request as http.Server gives it
	case http.StateIdle:
		if s.isSilent(c) {
			s.giveWay(c)
		}
	case http.StateActive, http.StateHijacked, http.StateClosed:
		s.speaks(c)
	}
}

// isSilent puts a connection behind those that are silent, and reports whether somebody
// waits for its seat.
func (s *seats) isSilent(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.place == nil {
		c.place = s.silent.PushBack(c)
	}
	return s.wait > 0
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
