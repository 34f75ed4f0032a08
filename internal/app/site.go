package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/text/language"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/notice"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/register/verifier"
	"github.com/temoin/temoin/policy"
)

// prefix is what all addresses of a site's own begin with.
const prefix = "/.temoin"

// patience is how long a request waits for the store where nothing else bounds it.
const patience = 5 * time.Second

// A site is one that the node serves.
type site struct {
	id       string
	node     *Node
	versions *register.Versions
	receipts *register.Receipts
	places   []*place
	handler  http.Handler
	stage    stage
	accounts *accounts
	endpoint atomic.Pointer[register.Endpoint] // another one when the cookie's keys are others
	keys     [][]byte                          // that it was made with
	seal     bool                              // see SiteConfig
}

// keysFolder returns where the keys are. Nodes over one PostgreSQL need the same
// ones, so that none is guessed for them.
func keysFolder(c Config) (string, error) {
	switch {
	case c.Keys != "":
		return c.Keys, nil
	case strings.Contains(c.Store, "://"):
		return "", errors.New("a node over PostgreSQL needs a folder of keys, the same for all nodes: name it with --keys")
	}
	return filepath.Join(c.Store, "keys"), nil
}

// openSite publishes a site's manifest with its notices, and makes what serves it.
func (n *Node) openSite(ctx context.Context, c SiteConfig) (*site, error) {
	p, err := policy.Parse(c.File, c.Manifest)
	if err != nil {
		return nil, err
	}
	if err := n.book.Begin(ctx, p.ID, register.LogOrigin(p)); err != nil {
		return nil, err
	}
	s := &site{id: p.ID, node: n, seal: c.Seal, versions: register.NewVersions(n.store, p.ID)}
	s.accounts = &accounts{site: s}
	if !c.Follow {
		if err := s.publish(ctx, p, c); err != nil {
			return nil, fmt.Errorf("%s: the version cannot be published: %w", c.File, err)
		}
	}
	if s.places, err = newPlaces(s, c.Anchors); err != nil {
		return nil, fmt.Errorf("%s: %w", c.File, err)
	}
	s.receipts = &register.Receipts{Site: s.id, Store: n.store, Tail: n.tail, Log: n.config.Log}
	public := &register.PublicLog{Site: s.id, Store: n.store, Log: n.config.Log}
	mux := http.NewServeMux()
	mux.Handle("POST "+prefix+"/choice", n.metrics.choices(s.id, s.shared(s.own(http.HandlerFunc(s.choose)))))
	mux.Handle("GET "+prefix+"/receipts/{id}", s.receipts)
	public.Mount(mux, prefix)
	mux.HandleFunc("GET "+prefix+"/log/anchors", s.evidence)
	mux.HandleFunc("GET "+prefix+"/verify", s.verify)
	mux.HandleFunc("GET "+prefix+"/openapi.json", describe)
	for _, path := range []string{"/policy", "/policy.json", "/policy.md", "/policy/"} {
		mux.HandleFunc("GET "+prefix+path, s.policy)
	}
	mux.Handle("GET "+prefix+"/", s.shared(http.HandlerFunc(s.centre)))
	mux.Handle("OPTIONS "+prefix+"/", s.shared(http.NotFoundHandler()))
	s.handler = mux
	return s, nil
}

// choose keeps a choice.
func (s *site) choose(w http.ResponseWriter, r *http.Request) { s.endpoint.Load().ServeHTTP(w, r) }

// refresh makes the endpoint anew where the keys of the cookie are others.
func (s *site) refresh(now time.Time) error {
	keys, err := s.node.ring.Cookie(s.id, now)
	if err != nil {
		return fmt.Errorf("the keys of the consent cookie of %s: %w", s.id, err)
	}
	if s.endpoint.Load() != nil && bytes.Equal(bytes.Join(keys, nil), bytes.Join(s.keys, nil)) {
		return nil
	}
	codec, err := consent.NewCodec(s.versions.Active().Site, keys...)
	if err != nil {
		return err
	}
	s.keys = keys
	s.endpoint.Store(&register.Endpoint{Register: s.node.register, Codec: codec, Site: s.shown, Current: s.current, Again: s.again, Account: accountOf, Bind: s.accounts.bind, Shown: shownTo, Standing: standing, Back: s.back, Away: s.away})
	return nil
}

// refresh looks at all sites.
func (n *Node) refresh(context.Context) {
	for _, id := range n.ids {
		if err := n.sites[id].refresh(n.config.Now()); err != nil {
			n.config.Log.Error("the former keys stay in use", "error", err)
		}
	}
}

// shown returns the version that a notice belongs to, and its language. One that
// another node has published since this one looked is looked for.
func (s *site) shown(r *http.Request, notice register.Hash) (*policy.Site, string) {
	v := s.versions.Shown(notice)
	if v == nil {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		if _, err := s.node.follower.Step(ctx); err == nil {
			v = s.versions.Shown(notice)
		}
	}
	if v == nil {
		return nil, ""
	}
	return v.Site, v.Language(notice)
}

// current returns the notice that is to be shown now.
func (s *site) current(r *http.Request, language string) *register.Notice {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	n, err := s.versions.Notice(ctx, language)
	if err != nil {
		s.node.config.Log.Error("the notice of the active version cannot be read", "site", s.id, "error", err)
	}
	return n
}

// back leads a form to the page that it says, else to the one that it was sent from,
// else to the preference centre: always to the same origin, or to a page of the site
// that a placeholder says. There the notice says that the choice was saved (see
// package notice).
func (s *site) back(r *http.Request, page string) string {
	if page == "" {
		if from, err := url.Parse(r.Referer()); err == nil && from.Host == r.Host {
			page = (&url.URL{Path: from.Path, RawPath: from.RawPath, RawQuery: from.RawQuery}).String()
		}
	}
	u, err := url.Parse(page)
	if err == nil && u.Host != "" && notice.Trusts(s.versions.Active().Site, u.Scheme+"://"+u.Host) && u.User == nil {
		u.Fragment, u.RawFragment = "temoin", ""
		return u.String()
	}
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.ContainsRune(u.Path, '\\') {
		u = &url.URL{Path: prefix + "/"}
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery, Fragment: "temoin"}).String()
}

// trust returns the keys that the site's log ever had.
func (s *site) trust(ctx context.Context) (ledger.Trust, error) {
	rows, err := s.node.store.SiteKeys(ctx, s.id, register.KeyOfLog)
	if err != nil {
		return ledger.Trust{}, err
	}
	return register.TrustIn(rows, true)
}

// verify serves the page on which visitors verify their receipts, with the keys of
// the log, and of the witnesses, in it.
func (s *site) verify(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	rows, err := s.node.store.SiteKeys(ctx, s.id, register.KeyOfLog)
	if err == nil && len(rows) == 0 {
		err = register.ErrNoKey
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if err != nil {
		s.node.config.Log.Error("the page that verifies receipts lacks its keys", "error", err)
		h.Set("Cache-Control", "no-store")
		h.Set("Retry-After", "2")
		http.Error(w, "This cannot be shown now. Please try again.", http.StatusServiceUnavailable)
		return
	}
	keys := register.PublicKeys(rows)
	for _, p := range s.places {
		if p.witness.Name() != "" {
			keys = append(keys, p.witness.String())
		}
	}
	h.Set("Cache-Control", "public, max-age=60")
	h.Set("Content-Security-Policy", verifier.CSP())
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Vary", "Accept-Language")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(verifier.Page(languageOf(r), keys...)))
}

// languageOf returns the language that the visitor asks for, in the address or by
// the browser's settings.
func languageOf(r *http.Request) string {
	if lang := r.URL.Query().Get("lang"); lang != "" {
		return lang // the page knows its own
	}
	var tags []language.Tag
	for _, l := range verifier.Languages() {
		tags = append(tags, language.Make(l))
	}
	wanted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return verifier.Languages()[0]
	}
	_, i, _ := language.NewMatcher(tags).Match(wanted...)
	return verifier.Languages()[i]
}
