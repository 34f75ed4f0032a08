package server

import (
	"container/list"
	"io"
	"net"
	"sync"
	"time"
)

// A listener's connections end where a client takes nothing for a while: it would keep
// a request of the site's busy for as long as it likes.
type listener struct {
	*net.TCPListener
	stall  time.Duration
	seats  *seats // nil where as many may come as like to
	once   sync.Once
	closed chan struct{}
}

func newListener(address string, stall time.Duration, seats *seats) (*listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &listener{TCPListener: l.(*net.TCPListener), stall: stall, seats: seats, closed: make(chan struct{})}, nil //nolint:forcetypeassert // as net.Listen says
}

// Accept waits for a connection, and for a seat for it.
func (l *listener) Accept() (net.Conn, error) {
	tcp, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	c := &conn{TCPConn: tcp, stall: l.stall, seats: l.seats}
	if l.seats != nil && !l.seats.take(l.closed) {
		tcp.Close() //nolint:errcheck // nothing was said
		return nil, net.ErrClosed
	}
	return c, nil
}

// Close ends the waiting, too.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.TCPListener.Close()
}

type conn struct {
	*net.TCPConn
	stall time.Duration
	seats *seats
	once  sync.Once

	streams bool          // it speaks HTTP/2
	place   *list.Element // among those of seats that are silent
	since   time.Time     // it is
}

// Write writes, for as long as the client takes something.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.TCPConn.Write(p)
}

// ReadFrom goes by Write, piece by piece: a whole file may take longer.
func (c *conn) ReadFrom(src io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, src)
}

// Close gives the seat back.
func (c *conn) Close() error {
	err := c.TCPConn.Close()
	if c.seats != nil {
		c.once.Do(func() { c.seats.leave(c) })
	}
	return err
}
