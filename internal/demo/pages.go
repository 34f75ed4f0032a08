package demo

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"

	"github.com/temoin/temoin/internal/check"
	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/policy"
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

// A sitePage is one site in one of its languages.
type sitePage struct {
	*show
	Lang  lang.Language
	Langs []lang.Language
}

func newSitePage(sh *show, tag string) sitePage {
	if !slices.Contains(sh.Site.Langs, tag) {
		tag = sh.Site.Default()
	}
	p := sitePage{show: sh}
	p.Lang, _ = lang.Find(tag)
	for _, l := range sh.Site.Langs {
		found, _ := lang.Find(l)
		p.Langs = append(p.Langs, found)
	}
	return p
}

// Summary counts the findings that are not allowed.
func (p sitePage) Summary() string { return check.Summary(p.Report) }

// Say returns a text in the page's language, else in the site's own.
func (p sitePage) Say(t policy.Text) string { return t.In(p.Lang.Tag, p.Site.Default()) }

// Name is what a tracker is called on the page.
func (p sitePage) Name(t *policy.Tracker) string {
	if t.Name != "" {
		return t.Name
	}
	return p.Say(t.Label)
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
