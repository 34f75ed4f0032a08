package standin

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// handshake is the first byte of a TLS connection.
const handshake = 0x16

// accept tells connections under TLS from requests to the proxy by their first byte.
func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return // closed: nothing else ends a listener on loopback
		}
		s.running.Go(func() { s.sort(c) })
	}
}

func (s *Server) sort(c net.Conn) {
	stop := context.AfterFunc(s.done, func() { _ = c.Close() })
	defer stop()
	_ = c.SetReadDeadline(time.Now().Add(headerTime))
	p := peeked{c, bufio.NewReader(c)}
	first, err := p.r.Peek(1)
	_ = c.SetReadDeadline(time.Time{})
	switch {
	case err != nil:
		_ = c.Close()
	case first[0] == handshake:
		s.secure.put(tls.Server(p, s.authority.config("")))
	default:
		s.plain.put(p)
	}
}

// proxy answers what is not under TLS. A tunnel ends here, whatever host it asks
// for: nothing is ever passed on.
func (s *Server) proxy(w http.ResponseWriter, r *http.Request) {
	host, port, _ := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || port != "443" || !isName(host) {
		s.keep(requestOf(r, true))
		http.Error(w, "The stand-in answers third parties under TLS only.", http.StatusBadGateway)
		return
	}
	c, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_ = c.SetDeadline(time.Time{})
	if _, err := c.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		_ = c.Close()
		return
	}
	s.secure.put(tls.Server(peeked{c, buffered.Reader}, s.authority.config(host)))
}

// A peeked connection is one of which the first bytes have been looked at.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

// A queue is a listener that is handed its connections.
type queue struct {
	s     *Server
	conns chan net.Conn
}

func (s *Server) newQueue() *queue { return &queue{s: s, conns: make(chan net.Conn)} }

func (q *queue) put(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.s.done.Done():
		_ = c.Close()
	}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.s.done.Done():
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error   { return nil } // Server.Close closes it
func (q *queue) Addr() net.Addr { return q.s.listener.Addr() }
