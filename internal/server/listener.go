package server

import (
	"io"
	"net"
	"time"
)

// A listener's connections end where a client takes nothing for a while: it would keep
// a request of the site's busy for as long as it likes.
type listener struct {
	net.Listener
	stall time.Duration
}

// Accept waits for a connection.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return &conn{tcp, l.stall}, err
	}
	return c, err
}

type conn struct {
	*net.TCPConn
	stall time.Duration
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
