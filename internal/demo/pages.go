package demo

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"

	"github.com/temoin/temoin/internal/check"
)

//go:embed demo.css
var style string

//go:embed demo.html
var markup string

var (
	styleHash = func() string {
		sum := sha256.Sum256([]byte(style))
		return base64.StdEncoding.EncodeToString(sum[:])
	}()
	templates = template.Must(template.New("").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) }, // our own file, not data
	}).Parse(markup))
)

// Rules is what the rules say of the manifest in force.
func (s *Show) Rules() *check.Report {
	if s.Advanced() {
		return s.after
	}
	return s.Report
}

// Summary counts the findings that are not allowed.
func (s *Show) Summary() string { return check.Summary(s.Rules()) }

// Advanced reports whether the next version is in force. The store keeps no names of files.
func (s *Show) Advanced() bool {
	site := s.Site()
	return s.Next != "" && site != nil && site.Policy.Version == s.version
}

// pages are those of the demo itself.
func (s *Server) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { render(w, "list", s) })
	mux.HandleFunc("GET /findings/{site}", func(w http.ResponseWriter, r *http.Request) {
		show := s.show(r.PathValue("site") + ".localhost")
		if show == nil {
			http.NotFound(w, r)
			return
		}
		render(w, "findings", show)
	})
	mux.HandleFunc("POST /next", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Advance(r.Context(), r.PostFormValue("site")); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, "/#"+url.PathEscape(r.PostFormValue("site")), http.StatusSeeOther)
	})
	safe := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+styleHash+"'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		safe.ServeHTTP(w, r)
	})
}

// render writes a whole page or an error, never half a page.
func render(w http.ResponseWriter, name string, data any) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes()) //nolint:errcheck // a client that is gone cannot be told
}
