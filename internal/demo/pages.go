package demo

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"

	"github.com/temoin/temoin/internal/check"
	"github.com/temoin/temoin/internal/lang"
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

type listPage struct {
	Shows     []*show
	Addresses map[string]string
}

// A sitePage is one site.
type sitePage struct {
	*show
	Langs []*lang.Language
}

func newSitePage(sh *show) sitePage {
	p := sitePage{show: sh}
	for _, l := range sh.Site.Langs {
		found, _ := lang.Find(l)
		p.Langs = append(p.Langs, found)
	}
	return p
}

// Summary counts the findings that are not allowed.
func (p sitePage) Summary() string { return check.Summary(p.Report) }

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
