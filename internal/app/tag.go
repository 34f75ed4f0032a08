package app

import (
	"net/http"
	"net/url"

	"github.com/temoin/temoin/internal/notice"
)

// choiceHeader is how a page with the tag says which choice it has: where its host is
// not this one, the cookie may be the page's alone.
const choiceHeader = "Temoin-Choice"

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
		if said, ok := r.Header[choiceHeader]; ok {
			r = r.Clone(r.Context())
			r.Header.Del("Cookie")
			if said[0] != "" {
				r.Header.Set("Cookie", s.versions.Active().Site.Choice.Cookie+"="+said[0])
			}
		}
		next.ServeHTTP(w, r)
	})
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
	u, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && s.trusts(r) && !notice.Reaches(s.versions.Active().Site, u.Host, r.Host)
}
