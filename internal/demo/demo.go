// Package demo serves the example sites on one loopback address, each under a
// host name of its own: http://pix2clip.localhost:8080 and so on. Browsers
// resolve names under localhost themselves; nothing has to be set up.
//
// What it shows is what the project can do so far: the policy page of each site,
// at /.temoin/policy, its earlier versions below, and what the rules hold against
// its manifest.
package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/check"
	"github.com/temoin/temoin/internal/document"
	"github.com/temoin/temoin/policy"
)

// A Server is the demo, listening.
type Server struct {
	listener net.Listener
	http     *http.Server
	shows    []*show
}

// A show is one example site with its policy and what the rules say of it.
type show struct {
	Site    *policy.Site
	Earlier []*policy.Site // versions of its policy, the newest first
	Report  *check.Report
	policy  *document.Shelf
}

// policyPath is where each site's policy is.
const policyPath = "/.temoin/policy"

// Listen compiles the example sites and begins to listen. With asPublished they
// are those of the published policies, mistakes included.
func Listen(address string, asPublished bool, on policy.Date) (*Server, error) {
	s := &Server{}
	for _, id := range examples.Sites {
		sh, err := newShow(id, asPublished, on)
		if err != nil {
			return nil, err
		}
		s.shows = append(s.shows, sh)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w: choose another with --listen 127.0.0.1:PORT", address, err)
	}
	s.listener = listener
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	return s, nil
}

// newShow compiles an example site, with the earlier versions of its policy if it
// is the corrected one: what was accepted under them is honoured where it can be.
func newShow(id string, asPublished bool, on policy.Date) (*show, error) {
	files, err := examples.Versions(id)
	if asPublished {
		var f examples.File
		f.Name, f.Src, err = examples.Manifest(id, true)
		files = []examples.File{f}
	}
	if err != nil {
		return nil, err
	}
	var versions []*policy.Site
	for _, f := range slices.Backward(files) {
		site, err := policy.Parse(f.Name, f.Src, versions...)
		if err != nil {
			return nil, err
		}
		versions = append([]*policy.Site{site}, versions...)
	}
	shelf, err := document.NewShelf(versions, document.Place{Path: policyPath})
	if err != nil {
		return nil, err
	}
	site := versions[0]
	return &show{site, versions[1:], check.Run(site, files[0].Src, on), shelf}, nil
}

// Addresses returns the address of each site, in the order of the examples.
func (s *Server) Addresses() map[string]string {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	out := map[string]string{}
	for _, sh := range s.shows {
		out[sh.Site.ID] = "http://" + net.JoinHostPort(sh.Site.ID+".localhost", port)
	}
	return out
}

// Reports returns what the rules hold against each site.
func (s *Server) Reports() []*check.Report {
	var out []*check.Report
	for _, sh := range s.shows {
		out = append(out, sh.Report)
	}
	return out
}

// Serve answers until the context ends, then lets requests under way finish.
func (s *Server) Serve(ctx context.Context) error {
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		stopped <- s.http.Shutdown(end)
	}()
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	for _, path := range []string{policyPath, policyPath + ".json", policyPath + ".md", policyPath + "/"} {
		mux.HandleFunc("GET "+path, s.policy)
	}
	return headers(mux) // the policy's own come in place of these
}

// headers keeps a page from being framed, sniffed or fed with anything foreign.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+styleHash+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// show returns the site of the host name that was asked for, nil for another.
func (s *Server) show(r *http.Request) *show {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	id := strings.TrimSuffix(strings.ToLower(host), ".localhost")
	for _, sh := range s.shows {
		if sh.Site.ID == id {
			return sh
		}
	}
	return nil
}

// page shows the site of the host name, else the list of sites.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	if sh := s.show(r); sh != nil {
		render(w, "site", newSitePage(sh))
		return
	}
	render(w, "list", listPage{s.shows, s.Addresses()})
}

func (s *Server) policy(w http.ResponseWriter, r *http.Request) {
	sh := s.show(r)
	if sh == nil {
		http.NotFound(w, r)
		return
	}
	sh.policy.ServeHTTP(w, r)
}
