// Package temoin puts Témoin in front of a Go site: the notice, the gate that keeps
// traffic to what visitors chose, and the register that proves it, from one manifest.
//
//	t, err := temoin.Open(ctx, temoin.Config{Manifest: "site.yaml", Store: "temoin-store"})
//	…
//	defer t.Close()
//	http.ListenAndServe("127.0.0.1:8080", t.Wrap(site))
//
// For a site in another language there is the reverse proxy, temoin serve; for one's own
// notice, records and store, the package gate.
package temoin

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/internal/cookies"
	"github.com/temoin/temoin/policy"
)

// Config says what to serve, and where what is kept is.
type Config struct {
	Manifest string // the file, site.yaml
	Source   []byte // its content, in place of reading the file: as for one that is embedded
	Store    string // a folder, made if it is not there, or postgres://…
	Keys     string // the folder of keys; "keys" in the store's folder if empty

	Trusted  gate.Trusted  // the proxies in front
	Limit    *gate.Limit   // of requests below /.temoin/ from one client; nil is 20 a second
	Observe  bool          // nothing is changed, everything is counted
	Counter  gate.Counter  // told what is done; may be nil
	Subjects gate.Subjects // says who is signed in; nil where choices do not follow accounts
	Log      *slog.Logger  // nil says nothing

	Now func() time.Time // nil is the system's; for tests
}

// A Server is a site with all that Témoin does for it. It is safe for concurrent use.
type Server struct {
	node   *app.Node
	id     string
	config app.GateConfig
}

// Open reads the manifest, opens the store and begins to keep the log. It fails where
// visitors could not be served as the manifest says. The context bounds the opening alone.
func Open(ctx context.Context, c Config) (*Server, error) {
	src := c.Source
	if src == nil {
		var err error
		if src, err = os.ReadFile(c.Manifest); err != nil {
			return nil, err
		}
	}
	p, err := policy.Parse(c.Manifest, src)
	if err != nil {
		return nil, err
	}
	node, err := app.Open(ctx, app.Config{Store: c.Store, Keys: c.Keys, Log: c.Log, Now: c.Now, Sites: []app.SiteConfig{{File: c.Manifest, Manifest: src}}})
	if err != nil {
		return nil, err
	}
	if c.Limit == nil {
		c.Limit = &gate.Limit{Rate: 20, Burst: 200}
	}
	return &Server{node, p.ID, app.GateConfig{Trusted: c.Trusted, Limit: c.Limit, Observe: c.Observe, Counter: c.Counter, Subjects: c.Subjects}}, nil
}

// Wrap puts the gate in front of the site. What stands below /.temoin/ the site never sees.
func (s *Server) Wrap(site http.Handler) http.Handler { return s.node.Gate(s.id, s.config, site) }

// Metrics serves what is counted, for Prometheus. It is not for the public.
func (s *Server) Metrics() http.Handler { return s.node.Metrics() }

// Ready tells why choices cannot be kept now, if they cannot.
func (s *Server) Ready(ctx context.Context) error { return s.node.Ready(ctx) }

// Close keeps the choices that wait and closes the store. End the HTTP server before.
func (s *Server) Close() error { return s.node.Close() }

// Site returns the version of the manifest that is in force.
func (s *Server) Site() (*policy.Site, error) {
	site, _, err := s.node.Shown(s.id)
	return site, err
}

// Cookie returns a declared cookie without a value: its attributes and its lifetime are
// those of the manifest. The act says which lifetime, where there are several
// ("remember-me"); else it is "". A cookie that is not declared is an error: the gate
// would report it, or take it out.
func (s *Server) Cookie(name, act string) (*http.Cookie, error) {
	site, err := s.Site()
	if err != nil {
		return nil, err
	}
	return cookies.Declared(site, name, act)
}

// SetCookie sets a declared cookie, with the lifetime that the manifest gives it for an act.
func (s *Server) SetCookie(w http.ResponseWriter, name, value, act string) error {
	c, err := s.Cookie(name, act)
	if err != nil {
		return fmt.Errorf("the cookie %s cannot be set: %w", name, err)
	}
	c.Value = value
	http.SetCookie(w, c)
	return nil
}

// Lifetime returns how long a declared cookie is kept; 0 is until the browser closes, and
// what is kept on the server for it then needs a time of its own.
func (s *Server) Lifetime(name, act string) (time.Duration, error) {
	c, err := s.Cookie(name, act)
	if err != nil {
		return 0, err
	}
	return time.Duration(c.MaxAge) * time.Second, nil
}

// Decision returns what the visitor of a request that came through the gate allows;
// false for one that did not.
func Decision(r *http.Request) (consent.Decision, bool) {
	if v := gate.Of(r.Context()); v != nil {
		return v.Decision, true
	}
	return consent.Decision{}, false
}

// Allows reports whether a category or a service is allowed to the visitor of a request.
// It is false for names that the manifest does not have, and without a gate.
func Allows(r *http.Request, name string) bool {
	v := gate.Of(r.Context())
	if v == nil {
		return false
	}
	if k := v.Site.Category(name); k != nil {
		return v.Decision.Category(k)
	}
	s := v.Site.Service(name)
	return s != nil && v.Decision.Runs(s)
}
