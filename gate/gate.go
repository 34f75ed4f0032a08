// Package gate keeps a site's HTTP traffic to what its visitors chose: a handler in
// front of another one, which is the site itself or a proxy to it (see NewProxy).
//
// What it does to each request and its answer:
//
//   - Cookies of services and trackers that are not allowed do not reach the site, and
//     those that the site sets do not reach the browser. What is allowed lasts no longer
//     than the manifest says. What was allowed once and is not any more is expired.
//   - In HTML, references to what is not allowed are made inert, by attributes alone and
//     while the page streams. So are headers by which a browser would load something.
//   - Pages that are requested as documents carry the notice; in frames they carry its
//     scripts alone. They are kept by the browser of one visitor only, and asked for
//     again with the choice as it is.
//   - A second Content-Security-Policy lists where the choice lets a page load from.
//
// Everything else passes byte for byte. Below the prefix (/.temoin/) it answers itself,
// and the site is never asked.
//
// What it decides by is a *Site, one version of a manifest with its parts. The gate asks
// for it once for each request, so that another version takes its place without a pause.
// No request waits for a store here: what a visitor chose stands in a cookie.
//
// The package needs policy, consent and small libraries only. Recording choices, the
// notice's texts and the register are parts that whoever makes a Site brings along; the
// package temoin brings all of them.
package gate

import (
	"context"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

// DefaultPrefix is what all addresses of a site's own begin with.
const DefaultPrefix = "/.temoin"

// A Notice is what a page is given to show and to run. Its bytes must not be changed.
type Notice interface {
	// Insert returns what stands first in the head and in the body of a page in a language
	// (its lang attribute, "" where it is not known). Sealed says that the page's own
	// policy lets nothing run that is not allowed yet.
	Insert(r *http.Request, lang string, v *View, sealed bool) (head, body []byte)
	// Tag returns what stands first in the head of a page that is the same for everybody: a
	// script that finds out what its visitor chose, shows the notice and releases.
	Tag(lang string) []byte
	// Hashes returns what a Content-Security-Policy must allow for the scripts and the
	// styles in it: "'sha256-…'".
	Hashes() (scripts, styles []string)
	// Placeholder returns the address of the page that stands in the place of a frame of
	// services, which would have been at an address.
	Placeholder(r *http.Request, services, address, lang string) string
}

// A Counter is told what the gate does. It must be quick, and is called by many at a time.
type Counter interface {
	Count(Event)
}

// Config is what a gate is made of.
type Config struct {
	// Site returns the version in force; nil while there is none: then pages are
	// answered by 503.
	Site    func() *Site
	Counter Counter          // may be nil
	Now     func() time.Time // nil is the system's
}

// A Gate stands in front of one site. It is safe for concurrent use.
type Gate struct {
	config Config
	next   http.Handler
	recent recent
}

// New puts a gate in front of a handler.
func New(c Config, next http.Handler) *Gate {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Gate{config: c, next: next}
}

// ServeHTTP answers a request to the site.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	site := g.config.Site()
	if site == nil {
		w.Header().Set("Retry-After", "2")
		http.Error(w, "The site is not ready yet. Please try again.", http.StatusServiceUnavailable)
		return
	}
	switch ours, clean := site.owns(r); {
	case !clean:
		http.Error(w, "There is nothing at this address.", http.StatusNotFound)
	case ours:
		g.serveOwn(w, r, site)
	case r.URL.Path == gpcPath && (r.Method == http.MethodGet || r.Method == http.MethodHead) && !site.observe:
		site.serveGPC(w, r)
	default:
		g.servePage(w, r, site)
	}
}

// owns reports whether an address is below the prefix, and whether everybody who reads
// it, however they take escapes and dots, comes to the same result.
func (s *Site) owns(r *http.Request) (ours, clean bool) {
	p := r.URL.Path
	if !strings.Contains(p, s.prefix) {
		return false, true
	}
	ours = below(p, s.prefix)
	plain := path.Clean(p) == strings.TrimSuffix(p, "/") && r.URL.RawPath == ""
	return ours, plain || !ours && !below(path.Clean(p), s.prefix)
}

// below reports whether a path is a folder or below it.
func below(p, folder string) bool {
	rest, ok := strings.CutPrefix(p, folder)
	return ok && (rest == "" || rest[0] == '/')
}

// A View is what the gate decided about a request, for the site behind it.
type View struct {
	Site     *policy.Site
	Choice   *consent.Choice // what the browser carries for this visitor; nil for none
	Standing *consent.Choice // what counts of that and the account's choice; nil for none
	Decision consent.Decision
	Account  []byte // what stands for the account that choices are kept for; nil for none
	Signed   []byte // for the one that is signed in, whether this device follows its choice or not
	// Arrived says that the choice of the account applies from now on, in a browser that had
	// not heard of it.
	Arrived bool
	// Own says that somebody is signed in, and this device keeps its own choice.
	Own bool

	carried  *consent.Choice // whomever it is of
	personal bool
}

// Personal says that the answer shows what this visitor chose: no cache keeps it for others,
// whatever the site says of it, and wherever pages are the same for everybody. It must be
// said before the answer's header is.
func (v *View) Personal() { v.personal = true }

type viewKey struct{}

// Of returns what was decided about a request that came through a gate; nil for another.
func Of(ctx context.Context) *View {
	v, _ := ctx.Value(viewKey{}).(*View)
	return v
}
