// Package server runs the gates of sites on listeners: the sites by their host names, TLS,
// what a client may do at most, the operations beside it, other manifests while it
// runs, and an end at which nothing is lost.
//
// A request for a host that no site has is answered by 421 and reaches nobody. Where one
// site is served alone, it answers for this machine's own names and addresses too.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/time/rate"

	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/internal/early"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/policy"
)

// A Site is one of those that are served.
type Site struct {
	File     string   // its manifest
	Upstream *url.URL // where the site itself is
	Follow   bool     // see app.SiteConfig
	Author   string
}

// Config is what a server is made of.
type Config struct {
	Node    app.Config // but for its sites
	Sites   []Site
	Listen  string // "127.0.0.1:8080"; for TLS ":443"
	Plain   string // with TLS: where http is led to https; "" is nowhere
	Operate string // where health, metrics and profiles are; "" is nowhere

	TLS     TLS
	HSTS    time.Duration // for how long browsers are told to come by https only; 0 is not at all
	Trusted gate.Trusted
	Rate    float64       // requests a second below /.temoin/ from one client, with ten times as many at once; 0 is 20
	Body    int64         // how large a request's body may be; 0 is 1 GiB, less than 0 without limit
	Slow    time.Duration // how long a client may stall: take nothing, or send a body too slowly; 0 is 30 s
	Most    int           // how many connections clients may have, and how many requests may be under way; 0 is 8192
	Header  time.Duration // how long a site may take until its answer begins; 0 is a minute
	Observe bool
	Watch   time.Duration // how often manifests are looked at; 0 is 2 s, less than 0 is never
	Leave   time.Duration // at the end: how long it says that it is not ready before it takes no new connections
	Drain   time.Duration // how long requests under way, and WebSocket connections, may take at the end; 0 is 30 s
	Access  io.Writer     // the access log, a line of JSON for each request; nil for none
	Clients bool          // the access log names the address of each client
	Summary io.Writer     // what the gate did in the first hour, and at the end; nil for nowhere
}

// A Server serves sites.
type Server struct {
	config  Config
	node    *app.Node
	log     *slog.Logger
	fronts  []*front // the sites first
	sites   []*served
	traffic *traffic
	ready   atomic.Bool
	seats   *seats
	under   atomic.Int64      // requests
	pairs   []*pair           // certificates of files
	acme    *autocert.Manager // nil without an authority
	refused rate.Sometimes    // how often it is said that the authority gives none

	handed handed // connections
	work   context.Context
	cut    context.CancelFunc // ends what is under way

	reloads sync.Mutex        // one at a time
	said    map[string]string // what was wrong with a file, by its name
}

// A front is a listener and what serves it.
type front struct {
	listener *listener
	server   *http.Server
}

// A served site is one behind its gate.
type served struct {
	Site
	id      string
	file    file
	first   *policy.Site // as the file said at the start
	told    [32]byte     // the hash of the manifest that was said to be in force
	handler http.Handler
	summary *summary
}

// Open starts a node and listens. It fails where a manifest, an address or the store
// does not let it.
func Open(ctx context.Context, c Config) (*Server, error) {
	c = c.withDefaults()
	s := &Server{config: c, log: c.Node.Log, said: map[string]string{}, refused: rate.Sometimes{First: 1, Interval: 10 * time.Second}}
	s.work, s.cut = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.ready.Store(true)
	return s, nil
}

func (c Config) withDefaults() Config {
	c.Rate = cmp.Or(c.Rate, 20)
	c.Body = cmp.Or(c.Body, 1<<30)
	c.Most = cmp.Or(c.Most, 8192)
	c.Slow = cmp.Or(c.Slow, 30*time.Second)
	c.Watch = cmp.Or(c.Watch, 2*time.Second)
	c.Drain = cmp.Or(c.Drain, 30*time.Second)
	if c.Node.Log == nil {
		c.Node.Log = slog.New(slog.DiscardHandler)
	}
	if c.Node.Now == nil {
		c.Node.Now = time.Now
	}
	if c.Node.Sleep == nil {
		c.Node.Sleep = register.Sleep
	}
	return c
}

func (s *Server) open(ctx context.Context) error {
	if len(s.config.Sites) == 0 {
		return errors.New("there is no site to serve")
	}
	for _, site := range s.config.Sites {
		one, err := read(site)
		if err != nil {
			return err
		}
		for _, other := range s.sites {
			if other.id == one.id {
				return fmt.Errorf("%s and %s are both of the site %s: serve one of them", other.File, one.File, one.id)
			}
		}
		if err := s.free(one.first); err != nil {
			return fmt.Errorf("%s: %w", one.File, err)
		}
		s.sites = append(s.sites, one)
		s.config.Node.Sites = append(s.config.Node.Sites, app.SiteConfig{File: site.File, Manifest: one.file.taken, Follow: site.Follow, Author: site.Author})
	}
	if err := s.listen(); err != nil { // before the store is touched: an address in use is found at once
		return err
	}
	for _, one := range s.sites {
		if s.isItself(one.Upstream) {
			return fmt.Errorf("the site %s is said to be at %s, where this server itself listens: one of them needs another port", one.id, one.Upstream)
		}
	}
	node, err := app.Open(ctx, s.config.Node)
	if err != nil {
		return err
	}
	s.node = node
	s.traffic = newTraffic(node.Registry(), s.seats)
	limit := &gate.Limit{Rate: s.config.Rate, Burst: max(1, int(10*s.config.Rate))}
	for _, one := range s.sites {
		one.told = s.now(one).Hash
		one.summary = newSummary(s.log.With("site", one.id))
		one.handler = node.Gate(one.id, app.GateConfig{Trusted: s.config.Trusted, Limit: limit, Observe: s.config.Observe, Counter: one.summary, Upstream: one.Upstream}, s.upstream(one))
	}
	return nil
}

// read reads a manifest.
func read(site Site) (*served, error) {
	manifest, err := readFile(site.File)
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse(site.File, manifest)
	if err != nil {
		return nil, err
	}
	return &served{Site: site, id: p.ID, file: file{taken: manifest, seen: manifest}, first: p}, nil
}

// upstream is the site itself.
func (s *Server) upstream(one *served) http.Handler {
	return gate.NewProxy(gate.ProxyConfig{
		Upstream: one.Upstream, Trusted: s.config.Trusted, Header: s.config.Header, Body: max(0, s.config.Body), Slow: s.config.Slow,
		Failed: s.unreachable(one), Log: s.log.With("site", one.id),
	})
}

// now returns the version of a site that is in force.
func (s *Server) now(one *served) *policy.Site {
	if s.node != nil {
		if p, _, err := s.node.Shown(one.id); err == nil {
			return p
		}
	}
	return one.first
}

// Sites returns the sites, as they are in force.
func (s *Server) Sites() []*policy.Site {
	var list []*policy.Site
	for _, one := range s.sites {
		list = append(list, s.now(one))
	}
	return list
}

// listen opens all listeners.
func (s *Server) listen() error {
	main, err := s.tls()
	if err != nil {
		return err
	}
	s.config.Most = s.affordable(s.config.Most)
	s.seats = newSeats(s.config.Most)
	if err := s.add(s.config.Listen, s.seats, main, s.entered(http.HandlerFunc(s.serve))); err != nil {
		return err
	}
	if s.config.Plain != "" {
		if err := s.add(s.config.Plain, s.seats, nil, s.challenges(http.HandlerFunc(s.toHTTPS))); err != nil {
			return err
		}
	}
	if s.config.Operate != "" {
		return s.add(s.config.Operate, nil, nil, s.operations())
	}
	return nil
}

// spare are files that are open besides connections: the store's, manifests, operations.
const spare = 256

// affordable returns how many connections the system lets this process have, with one to
// the site for each, and files to spare, so that none of them is refused midway.
func (s *Server) affordable(wanted int) int {
	files, ok := maxFiles()
	can := (max(files, spare+2) - spare) / 2
	if !ok || uint64(wanted) <= can { //nolint:gosec // it is above 0
		return wanted
	}
	s.log.Warn("fewer connections are taken than wished, since the system lets this process have so many open files: raise it (ulimit -n, LimitNOFILE)", "files", files, "connections", can, "wished", wanted)
	return int(can) //nolint:gosec // it is below what is wished
}

// What a client may send and how long it may take until it has said what it wants.
const (
	maxHeader  = 64 << 10
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
)

// add opens one listener, for as many connections as there are seats.
func (s *Server) add(address string, seats *seats, secure *tls.Config, handler http.Handler) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fmt.Errorf("cannot listen on %q: write a host and a port, such as 127.0.0.1:8080, or :443 for all of the machine's", address)
	}
	l, err := newListener(address, s.config.Slow, seats)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	var state func(net.Conn, http.ConnState)
	if seats != nil {
		state = seats.state
	}
	server := &http.Server{
		Handler: handler, TLSConfig: secure, ConnState: state,
		BaseContext:       func(net.Listener) context.Context { return s.work },
		ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		HTTP2:    &http.HTTP2Config{SendPingTimeout: idleTime, WriteByteTimeout: s.config.Slow},
		ErrorLog: log.New(io.Discard, "", 0), // of clients that speak no HTTP, with their addresses
	}
	early.Watch(server)
	s.fronts = append(s.fronts, &front{l, server})
	return nil
}

// Address returns where the sites are served.
func (s *Server) Address() net.Addr { return s.fronts[0].listener.Addr() }

// Serve answers until ctx ends. Then it says that it is not ready, lets requests under way
// finish, keeps the choices that wait, and closes the store.
func (s *Server) Serve(ctx context.Context) error {
	failed := make(chan error, len(s.fronts))
	var under sync.WaitGroup
	work, stop := context.WithCancel(ctx)
	under.Go(func() { s.watch(work) })
	under.Go(func() { s.summarise(work) })
	for _, f := range s.fronts {
		under.Go(func() { failed <- f.serve() })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.ready.Store(false)
	stop()
	if err == nil && s.config.Leave > 0 {
		err = s.config.Node.Sleep(context.WithoutCancel(ctx), s.config.Leave)
	}
	err = errors.Join(err, s.close())
	under.Wait()
	s.lastSummary()
	return err
}

func (f *front) serve() error {
	var err error
	if f.server.TLSConfig != nil {
		err = f.server.ServeTLS(f.listener, "", "")
	} else {
		err = f.server.Serve(f.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// lastWords is how long connections that are cut have to be counted and logged.
const lastWords = time.Second

// endHanded waits for connections that were handed over, such as those of WebSocket, and
// cuts those that are open still. What is said on them nobody here reads: none can be
// told that this is the end.
func (s *Server) endHanded(end context.Context) {
	left := s.handed.wait(end)
	s.cut()
	if left == 0 {
		return
	}
	s.log.Info("WebSocket connections were open to the end, and were cut", "connections", left, "after", s.config.Drain)
	last, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	s.handed.wait(last)
}

// close ends what was opened: the sites, then the node, then what tells how it goes.
func (s *Server) close() error {
	end, cancel := context.WithTimeout(context.Background(), s.config.Drain)
	defer cancel()
	sites, last := s.fronts, []*front(nil)
	if n := len(s.fronts); s.config.Operate != "" && n > 1 {
		sites, last = s.fronts[:n-1], s.fronts[n-1:]
	}
	var failed []error
	for _, f := range sites {
		if err := f.server.Shutdown(end); err != nil {
			failed = append(failed, fmt.Errorf("requests were under way for longer than %v, and were cut", s.config.Drain), f.server.Close())
		}
		f.listener.Close() //nolint:errcheck // the server has closed it if it served
	}
	s.endHanded(end)
	if s.node != nil {
		failed = append(failed, s.node.Close())
	}
	for _, f := range last {
		f.server.Close()   //nolint:errcheck // nothing is lost with it
		f.listener.Close() //nolint:errcheck // as above
	}
	return errors.Join(failed...)
}
