// Package demo runs the three example sites on one loopback address, each under a host
// name of its own: http://pix2clip.localhost:8080 and so on. Browsers resolve names under
// localhost themselves; nothing has to be set up.
//
// Each site is an ordinary one in Go, and stands behind its gate as anybody's would: by the
// package temoin. What is kept, is kept in a folder, and is there again the next time. At
// any other host name is a page of the demo's own: the sites, who can sign in, what the
// rules hold against each manifest, and a button that brings a site's next version into
// force.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/temoin/temoin"
	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/examples/cexro"
	"github.com/temoin/temoin/examples/pix2clip"
	"github.com/temoin/temoin/examples/platform"
	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/check"
	"github.com/temoin/temoin/internal/early"
	"github.com/temoin/temoin/policy"
)

// Config says what the demo is made of.
type Config struct {
	Listen      string // "127.0.0.1:8080"
	Store       string // the folder of what is kept; each site has one of its own in it
	AsPublished bool   // the policies as they were published, mistakes included
	Log         *slog.Logger
	Now         func() time.Time // nil is the system's
}

// A Server is the demo, listening.
type Server struct {
	config   Config
	listener net.Listener
	http     *http.Server
	home     http.Handler // at any other host name
	shows    []*Show
}

// A Show is one example site behind its gate.
type Show struct {
	ID      string
	Folder  string        // of what it keeps
	Report  *check.Report // what the rules say of the manifest that was in force at the start
	Logins  [][2]string   // e-mail addresses and passwords
	Next    string        // the file that comes into force next; "" for none
	version string        // of that
	after   *check.Report // what the rules say of it
	temoin  *temoin.Server
	handler http.Handler
}

// An example is what a site is to the demo.
type example interface {
	Open(t *temoin.Server) (http.Handler, error)
}

// Site returns the version in force.
func (s *Show) Site() *policy.Site {
	site, err := s.temoin.Site()
	if err != nil {
		return nil
	}
	return site
}

// Open opens the stores, starts the sites and begins to listen.
func Open(ctx context.Context, c Config) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	listener, err := net.Listen("tcp", c.Listen) // before the stores are touched: an address in use is found at once
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w: choose another with --listen 127.0.0.1:PORT", c.Listen, err)
	}
	s := &Server{config: c, listener: listener, shows: make([]*Show, len(examples.Sites))}
	failed := make([]error, len(s.shows))
	var under sync.WaitGroup
	for i, id := range examples.Sites {
		under.Go(func() { s.shows[i], failed[i] = open(ctx, c, id) })
	}
	under.Wait()
	for i, err := range failed {
		if err != nil { // the others most likely fail alike: one is told, in one line
			s.close()        //nolint:errcheck // what failed before is told
			listener.Close() //nolint:errcheck // as above
			return nil, fmt.Errorf("the site %s: %w", examples.Sites[i], err)
		}
	}
	s.home = s.pages()
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		MaxHeaderBytes:    32 << 10,
	}
	early.Watch(s.http)
	return s, nil
}

// open starts one site.
func open(ctx context.Context, c Config, id string) (*Show, error) {
	files, err := versions(id, c.AsPublished)
	if err != nil {
		return nil, err
	}
	s := &Show{ID: id, Folder: folder(c, id)}
	first, now := files[0], files[len(files)-1]
	config := temoin.Config{Manifest: first.Name, Source: first.Src, Store: s.Folder, Log: c.Log, Now: c.Now}
	var site example
	switch id {
	case "pix2clip":
		clips := &pix2clip.Site{}
		config.Subjects = gate.SubjectFunc(clips.Subject)
		site, s.Logins = clips, pix2clip.Logins()
	case "platform":
		site, s.Logins = &platform.Site{}, platform.Logins()
	case "cexro":
		site, s.Logins = &cexro.Site{}, cexro.Logins()
	}
	if s.temoin, err = temoin.Open(ctx, config); err != nil {
		return nil, err
	}
	for _, f := range files[1:] {
		if _, err := s.temoin.Publish(ctx, f.Name, f.Src); err != nil {
			return nil, errors.Join(err, s.temoin.Close())
		}
	}
	handler, err := site.Open(s.temoin)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the site %s cannot be opened: %w", id, err), s.temoin.Close())
	}
	s.handler = s.temoin.Wrap(handler)
	if err := s.rules(now, policy.DateOf(c.Now()), c.AsPublished); err != nil {
		return nil, errors.Join(err, s.temoin.Close())
	}
	return s, nil
}

// rules says what the rules say of a manifest, and of the one that comes next.
func (s *Show) rules(now examples.File, today policy.Date, asPublished bool) error {
	site, err := policy.Parse(now.Name, now.Src)
	if err != nil {
		return err
	}
	s.Report = check.Run(site, now.Src, today)
	next, ok, err := examples.Next(s.ID)
	if err != nil || !ok || asPublished {
		return err
	}
	if site, err = policy.Parse(next.Name, next.Src); err != nil {
		return err
	}
	s.Next, s.version, s.after = next.Name, site.Policy.Version, check.Run(site, next.Src, today)
	s.Report = s.Rules()
	return nil
}

// versions returns the manifests of a site, the oldest first.
func versions(id string, asPublished bool) ([]examples.File, error) {
	if asPublished {
		name, src, err := examples.Manifest(id, true)
		return []examples.File{{Name: name, Src: src}}, err
	}
	files, err := examples.Versions(id)
	var oldest []examples.File
	for i := range files {
		oldest = append(oldest, files[len(files)-1-i])
	}
	return oldest, err
}

// folder is where a site keeps what it keeps.
func folder(c Config, id string) string {
	if c.AsPublished {
		id += "-as-published"
	}
	return filepath.Join(c.Store, id)
}

// Shows returns the sites, in the order of the examples.
func (s *Server) Shows() []*Show { return s.shows }

// Address returns the address of a site.
func (s *Server) Address(id string) string {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	return "http://" + net.JoinHostPort(id+".localhost", port)
}

// Public reports whether other machines reach the demo, which is made for one.
func (s *Server) Public() bool {
	address, err := netip.ParseAddrPort(s.listener.Addr().String())
	return err == nil && !address.Addr().IsLoopback()
}

// Home returns the address of the demo's own page.
func (s *Server) Home() string {
	host, port, _ := net.SplitHostPort(s.listener.Addr().String())
	if net.ParseIP(host).IsUnspecified() {
		host = "localhost" // of all the addresses that it listens on, the one to open
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Advance brings the next version of a site into force, where there is one.
func (s *Server) Advance(ctx context.Context, id string) error {
	next, ok, err := examples.Next(id)
	if err != nil {
		return err
	}
	show := s.show(id + ".localhost")
	if show == nil || !ok || s.config.AsPublished {
		return fmt.Errorf("the site %q has no other version", id)
	}
	_, err = show.temoin.Publish(ctx, next.Name, next.Src)
	return err
}

// Serve answers until the context ends, lets requests under way finish, and closes the
// stores.
func (s *Server) Serve(ctx context.Context) error {
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.http.Shutdown(end); err != nil {
			stopped <- errors.Join(errors.New("requests were under way for too long, and were cut"), s.http.Close())
			return
		}
		stopped <- nil
	}()
	err := s.http.Serve(s.listener)
	if errors.Is(err, http.ErrServerClosed) {
		err = <-stopped
	}
	return errors.Join(err, s.close())
}

// Close ends a demo that Serve does not serve.
func (s *Server) Close() error { return errors.Join(s.listener.Close(), s.close()) }

func (s *Server) close() error {
	var failed []error
	for _, show := range s.shows {
		if show != nil {
			failed = append(failed, show.temoin.Close())
		}
	}
	return errors.Join(failed...)
}

// ServeHTTP answers for the site of the host name, else for the demo itself. Names that
// are none of this machine's somebody else has led here: they get nothing.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch show := s.show(r.Host); {
	case show != nil:
		show.handler.ServeHTTP(w, r)
	case isHere(r.Host):
		s.home.ServeHTTP(w, r)
	default:
		http.Error(w, "This demo has no site of that name.", http.StatusMisdirectedRequest)
	}
}

// isHere reports whether a host is this machine by its own name, or an address.
func isHere(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || strings.EqualFold(host, "localhost")
}

// show returns the site of a host name, nil for another.
func (s *Server) show(host string) *Show {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	id := strings.TrimSuffix(strings.ToLower(host), ".localhost")
	for _, show := range s.shows {
		if show.ID == id {
			return show
		}
	}
	return nil
}
