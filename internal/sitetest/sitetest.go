// Package sitetest runs a site for tests as a visitor meets it: a node over SQLite
// in a folder of its own, one of the example sites, and pages with the notice in
// them, on a loopback port. The page is a small one; a test can have its own.
package sitetest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/internal/notice"
)

// A Config says what is different from the usual.
type Config struct {
	Manifest string // in place of the example's
	Store    string // the folder of a site that was started before; a new one if empty
	Lang     string // of the page; the site's default if empty
	// CSP sends a Content-Security-Policy that allows nothing inline but what the
	// notice asks for.
	CSP bool
	// Sealed says of the pages that their policy lets nothing run that is not allowed yet.
	Sealed bool
	// Page writes a page in place of the usual one; head and body are the notice's.
	Page func(w http.ResponseWriter, r *http.Request, head, body []byte)
	// Wrap stands before the node, which answers below /.temoin/: to make it fail.
	Wrap func(http.Handler) http.Handler
}

// A Site is a running site.
type Site struct {
	*httptest.Server
	Node *app.Node
	ID   string
	URL  string // http://cexro.localhost:12345
}

// Start runs an example site until the test ends.
func Start(t testing.TB, id string, c Config) *Site {
	t.Helper()
	manifest := []byte(c.Manifest)
	if c.Manifest == "" {
		_, src, err := examples.Manifest(id, false)
		if err != nil {
			t.Fatal(err)
		}
		manifest = src
	}
	node, err := app.Open(context.Background(), app.Config{Store: cmp.Or(c.Store, t.TempDir()), Code: "test", Sites: []app.SiteConfig{{File: id + ".yaml", Manifest: manifest}}})
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{Node: node, ID: id}
	own := node.Handler(id)
	if c.Wrap != nil {
		own = c.Wrap(own)
	}
	mux := http.NewServeMux()
	mux.Handle("/.temoin/", own)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.page(t, c, w, r) })
	s.Server = httptest.NewServer(mux)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	s.URL = "http://" + net.JoinHostPort(id+".localhost", port)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// page writes a page with the notice in it.
func (s *Site) page(t testing.TB, c Config, w http.ResponseWriter, r *http.Request) {
	view, err := s.Node.View(s.ID, r)
	if err != nil {
		t.Error(err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	lang := cmp.Or(r.URL.Query().Get("lang"), c.Lang, view.Site.Default())
	edition := view.Notice.In(lang)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Vary", "Cookie")
	if c.CSP {
		scripts, styles := view.Notice.Hashes()
		h.Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; script-src 'self' %s; style-src %s",
			strings.Join(scripts, " "), strings.Join(styles, " ")))
	}
	head, body := edition.Head(&view.Decision, notice.Page{Mark: view.Notice.Mark(r), Sealed: c.Sealed}), edition.Body(&view.Decision)
	if c.Page != nil {
		c.Page(w, r, head, body)
		return
	}
	fmt.Fprintf(w, `<!doctype html><html lang="%s"><head><meta charset="utf-8">%s<title>Page</title><meta name="viewport" content="width=device-width"></head><body>%s
<header><a href="/other">Other page</a></header><main><h1>Page %s</h1><p>Text.</p><input aria-label="Name" id="name"><p><a id="last" href="/last">Last</a></p></main></body></html>`,
		lang, head, body, r.URL.Path)
}
