package server

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"

	"github.com/temoin/temoin/internal/lang"
)

// unreachable answers where a site does not: a plain page in the visitor's language, which
// needs nothing from anywhere.
func (s *Server) unreachable(one *served) func(w http.ResponseWriter, r *http.Request, status int) {
	return func(w http.ResponseWriter, r *http.Request, status int) {
		s.traffic.failed(one.id, status)
		p := s.now(one)
		tag := p.Default()
		if _, n, err := s.node.Shown(one.id); err == nil {
			tag = n.Language(r, "")
		}
		l, ok := lang.Find(tag)
		if !ok {
			l, _ = lang.Find(lang.Reference)
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", downPolicy)
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Retry-After", "30")
		w.WriteHeader(status)
		downPage.Execute(w, down{l.Tag, string(l.Direction), l.Say("down.title"), l.Say("down.text", "site", p.Name), l.Say("down.again")}) //nolint:errcheck // a client that is gone cannot be told
	}
}

// down is what the page says.
type down struct{ Lang, Dir, Title, Text, Again string }

// downStyle needs nothing from anywhere.
const downStyle = `:root{color-scheme:light dark;background:Canvas;color:CanvasText;font:18px/1.5 system-ui,sans-serif}body{max-width:34em;margin:0 auto;padding:15vh 1.5em 1.5em;overflow-wrap:anywhere}h1{font-size:1.5em;line-height:1.25}a{color:LinkText}`

// downPolicy lets the page have its style, and nothing else.
var downPolicy = func() string {
	sum := sha256.Sum256([]byte(downStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

var downPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="{{.Lang}}" dir="{{.Dir}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>{{.Title}}</title>
<style>` + downStyle + `</style></head>
<body><main><h1>{{.Title}}</h1><p>{{.Text}}</p><p><a href="">{{.Again}}</a></p></main></body></html>
`))
