// Package pix2clip is an example site, which turns pictures into short clips: accounts, an
// editor with preferences in the browser, and no third party at all. It stands behind
// Témoin's gate as any site in Go would.
package pix2clip

import (
	"embed"
	"net/http"
	"slices"

	"github.com/temoin/temoin"
	"github.com/temoin/temoin/examples/internal/kit"
	"github.com/temoin/temoin/policy"
)

//go:embed templates static words.yaml
var files embed.FS

var users = []kit.User{
	{ID: "ada", Name: "Ada", Email: "ada@pix2clip.example", Password: "clip"},
	{ID: "basile", Name: "Basile", Email: "basile@pix2clip.example", Password: "clip"},
}

// Logins are the e-mail addresses and passwords of those who can sign in.
func Logins() [][2]string { return kit.Logins(users) }

// Site is the site. The zero value is not ready: Open it.
type Site struct {
	temoin *temoin.Server
	kit    *kit.Kit
	clips  clips
}

// Open returns the site, to be put behind t.Wrap.
func (s *Site) Open(t *temoin.Server) (http.Handler, error) {
	s.temoin = t
	var err error
	s.kit, err = kit.New(kit.Config{
		Files: files, Langs: []string{"en", "fr"}, Cookie: t.Cookie, Users: users, Fill: s.fill,
		Session: "next-auth.session-token", Protection: "next-auth.csrf-token", Language: "NEXT_LOCALE",
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for path, name := range map[string]string{"/{$}": "home", "/settings": "settings", "/privacy": "privacy", "/legal": "legal"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { s.kit.Render(w, r, http.StatusOK, name, projects) })
	}
	mux.HandleFunc("GET /editor", s.kit.Member(s.editor))
	mux.HandleFunc("POST /editor", s.kit.Member(s.kit.Protected(s.save)))
	mux.HandleFunc("GET /projects", s.kit.Member(s.projects))
	mux.HandleFunc("GET /projects/{n}", s.kit.Member(s.project))
	mux.HandleFunc("GET /settings/privacy", s.kit.Member(s.choices))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.kit.Render(w, r, http.StatusNotFound, "missing", nil) })
	return s.strict(s.kit.Handler(mux)), nil
}

// Subject says who is signed in: choices follow the account.
func (s *Site) Subject(r *http.Request) (string, error) { return s.kit.Subject(r) }

// fill adds what the layout shows on each page.
func (s *Site) fill(p *kit.Page) {
	site, measured := s.policy()
	p.Extra = frame{Site: site, Measured: measured}
}

// policy returns the version of the policy that is in force, nil where it cannot be had,
// and whether the audience is measured by it.
func (s *Site) policy() (site *policy.Site, measured bool) {
	site, err := s.temoin.Site()
	if err != nil {
		return nil, false
	}
	return site, site.Service("google-analytics") != nil
}

// A frame is what the layout shows around each page.
type frame struct {
	Site     *policy.Site // the version of the policy that is in force
	Measured bool         // the audience is measured: pages have the script for it
}

// Reopen lists the ways back to the preferences that the policy promises on every page, to
// somebody who is signed in or to nobody.
func (f frame) Reopen(u *kit.User) []policy.Reopening {
	if f.Site == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(f.Site.Reopenings()), func(r policy.Reopening) bool {
		return r.Where == "account" || r.Signed && u == nil
	})
}

// strict has browsers load what is the site's own, and nothing written into a page. What
// measures the audience is let in by the version of the policy that has it.
func (s *Site) strict(next http.Handler) http.Handler {
	const own = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
	const google = " https://www.googletagmanager.com https://*.google-analytics.com https://*.analytics.google.com"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		csp := own
		if _, measured := s.policy(); measured {
			csp += "; script-src 'self' https://www.googletagmanager.com; connect-src 'self'" + google + "; img-src 'self'" + google
		}
		w.Header().Set("Content-Security-Policy", csp)
		next.ServeHTTP(w, r)
	})
}

// choices is the page "Settings > GDPR & my data".
func (s *Site) choices(w http.ResponseWriter, r *http.Request) {
	centre, err := s.temoin.Preferences(r, s.kit.Lang(r))
	if err != nil {
		http.Error(w, "This cannot be shown now. Please try again.", http.StatusServiceUnavailable)
		return
	}
	s.kit.Render(w, r, http.StatusOK, "choices", centre)
}
