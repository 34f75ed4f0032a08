package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/document"
	"github.com/temoin/temoin/internal/notice"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/policy"
)

// publish lists the manifest as a version of the site, with its notices, and brings
// it into force unless it was before.
func (s *site) publish(ctx context.Context, p *policy.Site, c SiteConfig) error {
	n := s.node
	notices := c.Notices
	if len(notices) == 0 {
		if err := s.versions.Load(ctx); err != nil {
			return err
		}
		compiled, err := notice.Compile(p, notice.Options{Prefix: prefix, Earlier: before(s.versions.All(), p.Hash)})
		if err != nil {
			return err
		}
		for _, e := range compiled.Editions() {
			notices = append(notices, register.Notice(e))
		}
	}
	now := n.config.Now()
	evidence, err := register.Publish(ctx, n.store, p, c.Manifest, notices, n.config.Code, c.Author, c.Approver, now)
	if err == nil {
		_, err = register.Introduce(ctx, n.store, p.ID, evidence, now, "a node at its start")
	}
	return err
}

// before returns the versions of a site that are older than a manifest: all, where it
// is a new one.
func before(all []*register.Version, manifest register.Hash) []*policy.Site {
	var sites []*policy.Site
	for _, v := range all {
		if v.Site.Hash == manifest {
			break
		}
		sites = append(sites, v.Site)
	}
	return sites
}

// A screen is what the visitors of a site are shown while a version is in force.
type screen struct {
	version *register.Version
	notice  *notice.Notice
	policy  *document.Shelf
}

// A stage holds the screen of the version in force, and makes another one when
// another version is.
type stage struct {
	now    atomic.Pointer[screen]
	making sync.Mutex // one at a time
}

// shows returns the screen of the version in force.
func (s *site) shows() (*screen, error) {
	if now := s.stage.now.Load(); now != nil && now.version == s.versions.Active() {
		return now, nil
	}
	s.stage.making.Lock()
	defer s.stage.making.Unlock()
	v := s.versions.Active()
	if now := s.stage.now.Load(); now != nil && now.version == v {
		return now, nil
	}
	all := s.versions.All()
	earlier := before(all[:slices.Index(all, v)], v.Site.Hash)
	compiled, err := notice.Compile(v.Site, notice.Options{Prefix: prefix, Earlier: earlier, Seal: s.seal})
	if err != nil {
		return nil, err
	}
	shelf, err := document.NewShelf(numbered(v.Site, earlier), document.Place{Path: prefix + "/policy", Preferences: prefix + "/"})
	if err != nil {
		return nil, err
	}
	made := &screen{v, compiled, shelf}
	s.stage.now.Store(made)
	return made, nil
}

// numbered returns the policies to be shown, the newest first: of those with one
// number the latest.
func numbered(now *policy.Site, earlier []*policy.Site) []*policy.Site {
	pages := []*policy.Site{now}
	for _, e := range slices.Backward(earlier) {
		if !slices.ContainsFunc(pages, func(p *policy.Site) bool { return p.Policy.Version == e.Policy.Version }) {
			pages = append(pages, e)
		}
	}
	return pages
}

// policy serves the policy page, and those of earlier versions.
func (s *site) policy(w http.ResponseWriter, r *http.Request) {
	shown, err := s.shows()
	if err != nil {
		s.node.config.Log.Error("the policy page cannot be made", "site", s.id, "error", err)
		http.Error(w, "This cannot be shown now. Please try again.", http.StatusServiceUnavailable)
		return
	}
	shown.policy.ServeHTTP(w, r)
}

// A View is what one request may be shown.
type View struct {
	Site     *policy.Site
	Choice   *consent.Choice // what counts, of the browser's and the account's; nil for none
	Follows  bool            // it is not the browser's
	Own      bool            // somebody is signed in, and this device keeps its own
	Decision consent.Decision
	Notice   *notice.Notice
}

// visit is what the notice is told.
func (v *View) visit() notice.Visit {
	return notice.Visit{Choice: v.Choice, Follows: v.Follows, Own: v.Own, Decision: v.Decision}
}

// errNoSite says that a node was asked about a site that it does not serve.
var errNoSite = errors.New("this node does not serve the site")

// Shown returns the version of a site that is in force, and its notice.
func (n *Node) Shown(id string) (*policy.Site, *notice.Notice, error) {
	s := n.sites[id]
	if s == nil {
		return nil, nil, fmt.Errorf("%w: %s", errNoSite, id)
	}
	shown, err := s.shows()
	if err != nil {
		return nil, nil, err
	}
	return shown.version.Site, shown.notice, nil
}

// View decides for a request to a page of a site.
func (n *Node) View(id string, r *http.Request) (View, error) {
	site, shown, err := n.Shown(id)
	if err != nil {
		return View{}, err
	}
	view := View{Site: site, Notice: shown}
	if v := gate.Of(r.Context()); v != nil && v.Site == site && r.Header[choiceHeader] == nil { // it has decided already, and knows who is signed in
		view.Choice, view.Follows, view.Own, view.Decision = v.Standing, v.Standing != v.Choice, v.Own, v.Decision
		return view, nil
	}
	if c, err := r.Cookie(site.Choice.Cookie); err == nil {
		view.Choice = n.sites[id].endpoint.Load().Codec.Decode(c.Value)
	}
	if view.Choice != nil && view.Choice.Bound != "" { // to an account, of which only the gate knows
		view.Choice = nil
	}
	view.Decision = consent.Decide(site, view.Choice, signals(r), n.config.Now())
	return view, nil
}

// Preferences returns the preference centre for a page of the site's own (see
// notice.Notice.Preferences).
func (n *Node) Preferences(id string, r *http.Request, lang string) ([]byte, error) {
	view, err := n.View(id, r)
	if err != nil {
		return nil, err
	}
	if v := gate.Of(r.Context()); v != nil {
		v.Personal()
	}
	return view.Notice.Preferences(r, lang, view.visit()), nil
}

// signals are what a request says about the page that it asks for.
func signals(r *http.Request) consent.Signals {
	return consent.Signals{GPC: r.Header.Get("Sec-GPC") == "1", Path: r.URL.Path}
}

// centre serves the preference centre and what belongs to the notice.
func (s *site) centre(w http.ResponseWriter, r *http.Request) {
	view, err := s.node.View(s.id, r)
	if err != nil {
		s.node.config.Log.Error("the notice cannot be made", "site", s.id, "error", err)
		http.Error(w, "This cannot be shown now. Please try again.", http.StatusServiceUnavailable)
		return
	}
	view.Notice.Serve(w, r, view.visit())
}

// again answers a form on a notice that is not known with the preference centre.
func (s *site) again(w http.ResponseWriter, r *http.Request, language string) {
	page := r.Clone(r.Context())
	page.Method, page.Body = http.MethodGet, http.NoBody
	page.URL = &url.URL{Path: prefix + "/", RawQuery: url.Values{"changed": {""}, "lang": {language}}.Encode()}
	s.centre(conflicting{w}, page)
}

// A conflicting answer is 409 where it would be 200.
type conflicting struct{ http.ResponseWriter }

func (c conflicting) WriteHeader(status int) {
	if status == http.StatusOK {
		status = http.StatusConflict
	}
	c.ResponseWriter.WriteHeader(status)
}
