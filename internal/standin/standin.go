// Package standin answers in the place of the third parties of the example sites,
// for tests and for machines without Internet: the sites refer to Google, Hotjar,
// Stripe, Intercom and Daily by their real addresses, and a stand-in is what the
// browser finds there.
//
// A stand-in does what matters for consent as the real scripts do it: which hosts
// are asked, in which order, which cookies and records are written with which
// lifetime, and what a site's settings change about that. What they write is what
// the catalogue (policy/catalogue) says of them, which
// TestWhatIsWrittenIsWhatTheCatalogueSays holds. They measure nothing, charge
// nothing and keep nothing: no line of theirs is the companies' own.
//
// It reaches no network. One listener answers both ways in which a browser can be
// led to it: TLS directly, by the name in the ClientHello, and as an HTTP proxy,
// where the end of every tunnel is the stand-in itself. Hosts it does not know get
// status 502 there. Its certificates come from an authority that is made anew in
// each process and kept in memory only (Key).
package standin

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

const (
	maxConnections = 512
	maxHeader      = 64 << 10
	maxBody        = 64 << 10 // of which the beginning is kept
	maxDropped     = 8 << 20  // what may follow
	headerTime     = 10 * time.Second
	requestTime    = 30 * time.Second
	idleTime       = 2 * time.Minute
)

// A Server is a stand-in that listens.
type Server struct {
	listener net.Listener
	done     context.Context // ends with Close
	end      context.CancelFunc
	running  sync.WaitGroup

	plain, secure *queue // connections for the proxy, and those under TLS
	authority     *authority

	record
}

// Start starts a stand-in on an address such as "127.0.0.1:0". It is meant for
// loopback: whoever can connect is answered.
func Start(address string) (*Server, error) {
	authority, err := theAuthority()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s := &Server{listener: netutil.LimitListener(l, maxConnections), authority: authority, record: record{changed: make(chan struct{})}}
	s.done, s.end = context.WithCancel(context.Background())
	s.plain, s.secure = s.newQueue(), s.newQueue()
	s.running.Go(s.accept)
	s.serve(s.plain, http.HandlerFunc(s.proxy))
	s.serve(s.secure, http.HandlerFunc(s.answer))
	return s, nil
}

// serve answers the connections of a queue with a handler, until Close.
func (s *Server) serve(q *queue, h http.Handler) {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      requestTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(io.Discard, "", 0), // of clients that hang up or do not trust it
		BaseContext:       func(net.Listener) context.Context { return s.done },
	}
	context.AfterFunc(s.done, func() { _ = server.Close() })
	s.running.Go(func() { _ = server.Serve(q) })
}

// Address is where it listens, as host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close ends the stand-in and every connection to it.
func (s *Server) Close() error {
	s.end()
	err := s.listener.Close()
	s.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil // closed before
	}
	return err
}

// Flags are what Chromium is started with so that it finds the stand-in at every
// name but localhost and those below it. As a proxy it needs only the second. What
// Chromium asks for of its own accord, such as updates, comes too, as Unknown.
func (s *Server) Flags() []string {
	return []string{
		"--host-resolver-rules=MAP * " + s.Address() + ", EXCLUDE *.localhost, EXCLUDE localhost, EXCLUDE 127.0.0.1",
		"--ignore-certificate-errors-spki-list=" + s.authority.key,
	}
}
