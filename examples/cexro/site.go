// Package cexro is the example site Cexro OCR, in French and Arabic: a tool for documents
// behind a sign-in, with statistics, a chat and payments of third parties. It knows nothing
// of consent but two questions: whether a preference may be kept, and how a cookie is
// declared. What loads from third parties stands in its pages as on any site, and the gate
// holds it.
package cexro

import (
	"embed"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/temoin/temoin"
	"github.com/temoin/temoin/examples/internal/kit"
	"github.com/temoin/temoin/policy"
)

//go:embed templates static words.yaml
var files embed.FS

// Site is the site. The zero value is not ready: Open it.
type Site struct {
	temoin *temoin.Server
	kit    *kit.Kit
	tokens tokens
}

var users = []kit.User{
	{ID: "samir", Name: "Samir Benali", Email: "samir@cexro.example", Password: "ocr"},
	{ID: "leila", Name: "Leïla Haddad", Email: "leila@cexro.example", Password: "page"},
}

// Logins returns the e-mail address and the password of each account.
func Logins() [][2]string { return kit.Logins(users) }

// Open makes the site ready. Its handler is to be put behind t.Wrap.
func (s *Site) Open(t *temoin.Server) (http.Handler, error) {
	manifest, err := t.Site()
	if err != nil {
		return nil, err
	}
	s.temoin = t
	s.kit, err = kit.New(kit.Config{
		Files: files, Langs: manifest.Langs, Cookie: t.Cookie,
		Session: "cexro_session", Protection: "csrf_token", Language: "cexro_lang", Theme: "cexro_theme",
		Users: users, Restore: s.restore, Signed: s.signed, Fill: s.fill,
	})
	if err != nil {
		return nil, err
	}
	return s.kit.Handler(s.routes()), nil
}

func (s *Site) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /variante", s.home)
	mux.HandleFunc("GET /documents", s.kit.Member(s.documents))
	mux.HandleFunc("POST /documents", s.small(s.kit.Member(s.kit.Protected(s.examine))))
	mux.HandleFunc("POST /documents/export", s.kit.Member(s.kit.Protected(s.export)))
	mux.HandleFunc("GET /documents/export", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/documents", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /aide", s.help)
	mux.HandleFunc("GET /checkout", s.show("checkout"))
	mux.HandleFunc("POST /checkout", s.kit.Protected(s.paid))
	mux.HandleFunc("GET /support", s.show("support"))
	mux.HandleFunc("POST /support", s.kit.Protected(s.write))
	mux.HandleFunc("GET /compte/cookies", s.kit.Member(s.account))
	mux.HandleFunc("GET /confidentialite", s.show("privacy"))
	mux.HandleFunc("GET /mentions-legales", s.show("legal"))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.kit.Render(w, r, http.StatusNotFound, "missing", nil)
	})
	return mux
}

// show serves a page that is the same whatever the visitor did before.
func (s *Site) show(page string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.kit.Render(w, r, http.StatusOK, page, false) }
}

// paid serves the payment page again, which then says that it is done.
func (s *Site) paid(w http.ResponseWriter, r *http.Request) {
	s.kit.Render(w, r, http.StatusOK, "checkout", true)
}

// write takes a message to the support, which an example has not: it is not kept.
func (s *Site) write(w http.ResponseWriter, r *http.Request) {
	if strings.TrimSpace(r.PostFormValue("email")) == "" || strings.TrimSpace(r.PostFormValue("message")) == "" {
		s.kit.Fail(w, r, http.StatusUnprocessableEntity, "support", "support.empty", false)
		return
	}
	s.kit.Render(w, r, http.StatusOK, "support", true)
}

// home is the first page. Its variant asks Google for the fonts, which the manifest says
// that the site never does: the gate holds that.
func (s *Site) home(w http.ResponseWriter, r *http.Request) {
	s.kit.Render(w, r, http.StatusOK, "home", map[string]bool{
		"Variant": r.URL.Path == variant, "Learned": len(seen(r)) == steps,
	})
}

const variant = "/variante"

// account is where somebody who is signed in changes preferences.
func (s *Site) account(w http.ResponseWriter, r *http.Request) {
	centre, err := s.temoin.Preferences(r, s.kit.Lang(r))
	if err != nil {
		slog.Error("the preferences cannot be shown", "error", err)
		http.Error(w, "The preferences cannot be shown now. Please try again.", http.StatusInternalServerError)
		return
	}
	s.kit.Render(w, r, http.StatusOK, "account", centre)
}

// A frame is what is around each page, as the manifest in force has it.
type frame struct {
	Reopen         string // the words that open the preferences
	Everywhere     bool   // on every page, and not only beside the policy
	Privacy, Legal string
	DPO            string // an address for a message, with its subject
	Analytics      *analytics
	Hotjar         bool
	Intercom       bool
	Stripe         bool
	GoogleFonts    bool // from Google's servers
}

// analytics is how the tag of Google Analytics is set up. Without an expiry it is the
// vendor's.
type analytics struct{ Expires int }

func (s *Site) fill(p *kit.Page) {
	site, err := s.temoin.Site()
	if err != nil {
		slog.Error("the manifest in force is not known", "error", err)
		p.Extra = frame{Privacy: "/confidentialite", Legal: "/mentions-legales"}
		return
	}
	words, everywhere := reopening(site, p.Lang)
	p.Extra = frame{
		Reopen: words, Everywhere: everywhere,
		Privacy: "/confidentialite", Legal: "/mentions-legales",
		DPO:         "mailto:" + site.Contact.DPO.Email + "?subject=" + url.PathEscape(site.Contact.DPO.Subject.In(p.Lang, site.Default())),
		Analytics:   s.analytics(site),
		Hotjar:      site.Service("hotjar") != nil,
		Intercom:    site.Service("intercom") != nil,
		Stripe:      site.Service("stripe") != nil,
		GoogleFonts: p.Request.URL.Path == variant || fromGoogle(site),
	}
}

// reopening is how the manifest calls the way to the preferences that everybody has, and
// whether it is on every page.
func reopening(site *policy.Site, lang string) (words string, everywhere bool) {
	for _, r := range site.Reopenings() {
		if !r.Signed {
			return r.Label.In(lang, site.Default()), r.Where == "button" || r.Where == "link"
		}
	}
	return "", false
}

// longest is how long browsers keep a cookie that is to last longer.
const longest = 400 * 24 * time.Hour

// analytics returns how Google Analytics is set up, nil without it: where the manifest gives
// its cookies a lifetime that browsers do not cut short, the tag is told so.
func (s *Site) analytics(site *policy.Site) *analytics {
	if site.Service("google-analytics") == nil {
		return nil
	}
	a := &analytics{}
	if kept, err := s.temoin.Lifetime("_ga", ""); err == nil && kept < longest {
		a.Expires = int(kept.Seconds())
	}
	return a
}

// fromGoogle reports whether the manifest has the fonts loaded from Google's servers.
func fromGoogle(site *policy.Site) bool {
	f := site.Service("google-fonts")
	return f != nil && !f.SelfHosted
}
