package app

import (
	"net/http"
	"net/url"

	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/notice"
)

// choiceHeader is how a page with the tag says which choice it has: where its host is
// not this one, the cookie may be the page's alone. A program that is no browser says it
// the same way, with the value that its last choice was answered with.
const choiceHeader = gate.ChoiceHeader

// native reports whether a request comes from a program that keeps its choice itself.
// Browsers that ask for another site say where they come from.
func native(r *http.Request) bool {
	return r.Header[choiceHeader] != nil && r.Header["Origin"] == nil && r.Header["Sec-Fetch-Site"] == nil
}

// shared lets the pages of the site that are on other hosts use a handler: those of
// the manifest, and no others. A cookie says nothing then, the header does.
func (s *site) shared(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		if !s.trusts(r) {
			if r.Method == http.MethodOptions {
				http.Error(w, "This is for pages of the site.", http.StatusForbidden)
				return
			}
			if native(r) {
				r = s.saying(r)
			}
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		h.Set("Access-Control-Allow-Credentials", "true")
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "GET, POST")
			h.Set("Access-Control-Allow-Headers", choiceHeader)
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.Set("Access-Control-Expose-Headers", "Retry-After")
		h.Add("Vary", choiceHeader)
		if r.Header[choiceHeader] != nil {
			r = s.saying(r)
		}
		next.ServeHTTP(w, r)
	})
}

// saying is a request whose cookie is what its header says.
func (s *site) saying(r *http.Request) *http.Request {
	said := r.Header.Get(choiceHeader)
	r = r.Clone(r.Context())
	r.Header.Del("Cookie")
	if said != "" {
		r.Header.Set("Cookie", s.versions.Active().Site.Choice.Cookie+"="+said)
	}
	return r
}

// trusts reports whether a request comes from a page of the site on another host.
func (s *site) trusts(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin != "" && notice.Trusts(s.versions.Active().Site, origin)
}

// own refuses what pages of others ask for.
func (s *site) own(next http.Handler) http.Handler {
	guarded := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.trusts(r) {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// away reports whether a choice that is made here does not reach the page it was made
// on as a cookie.
func (s *site) away(r *http.Request) bool {
	if native(r) {
		return true
	}
	u, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && s.trusts(r) && !notice.Reaches(s.versions.Active().Site, u.Host, r.Host)
}
