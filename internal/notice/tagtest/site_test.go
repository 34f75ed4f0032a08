package tagtest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/internal/notice"
	"github.com/temoin/temoin/internal/notice/noticetest"
	"github.com/temoin/temoin/policy"
)

const manifest = `temoin: 1
site: shop
name: Shop
url: https://www.shop.localhost
languages: [en, fr]
policy: {version: "1.0"}
choice: {cookie: choice, lasts: 6 months, domain: registrable}
categories:
  needed: {exempt: true}
  analytics: {needs: consent, purpose: {en: Counting., fr: Compter.}}
  media: {needs: consent, purpose: {en: Watching., fr: Regarder.}}
  ads: {needs: consent, advertising: true, purpose: {en: Selling., fr: Vendre.}}
trackers:
  - {name: seen, category: analytics, purpose: {en: Seen., fr: Vu.}, lasts: 1 month}
services:
  - {id: counter, name: Counter, category: analytics, hosts: ["*.analytics.localhost"]}
  - {id: second, name: Second, category: analytics, hosts: [second.localhost]}
  - {id: video, name: Video, category: media, hosts: [video.localhost]}
  - {id: banner, name: Banner, category: ads, hosts: [ads.localhost]}
  - {id: pay, name: Pay, category: needed, hosts: [pay.localhost], loads: on-use, paths: [/pay], because: {en: you pay, fr: vous payez}}
`

// A world is a site of files at www.shop.localhost, its hub at consent.shop.localhost
// and at hub.localhost, which is no host of the site's domain, and everybody else.
type world struct {
	*noticetest.World
	node *app.Node
	end  func()

	Manifest string
	Store    string // a folder; a new one if empty
	Seal     bool
	Hub      string // that pages name; consent.shop.localhost if empty
	Query    string // of the tag's address
	CSP      string // of pages; $HUB stands for the hub's origin
	Before   string // of the tag, in the head
	Body     string // of pages; $PORT stands for the port, $HUB for the hub's origin
}

// names stands before each script: it names the parts.
const names = `
	var host = document.querySelector('temoin-notice'), root = host && host.shadowRoot
	var part = name => root.querySelector('[part~=' + name + ']')
	var shown = e => !!e && e.checkVisibility()
	var centre = () => root.querySelector('dialog[part~=centre][open]');`

// start runs a world.
func (w *world) start(t testing.TB) *world {
	t.Helper()
	node, err := app.Open(context.Background(), app.Config{Store: cmp.Or(w.Store, t.TempDir()), Code: "test", Sites: []app.SiteConfig{
		{File: "shop.yaml", Manifest: []byte(cmp.Or(w.Manifest, manifest)), Seal: w.Seal},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.node = node
	w.World = noticetest.Start(t, "www.shop.localhost", w.page)
	w.end = sync.OnceFunc(func() {
		w.End()
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.end)
	w.Hub = cmp.Or(w.Hub, "consent.shop.localhost")
	w.Words = strings.NewReplacer("$PORT", w.Port, "$HUB", "http://"+w.Hub+":"+w.Port)
	w.Prelude = names
	for _, host := range []string{"consent.shop.localhost", "hub.localhost"} {
		w.Answer(host, node.Handler("shop").ServeHTTP)
	}
	w.Answer("a.analytics.localhost/slow.js", func(rw http.ResponseWriter, r *http.Request) {
		time.Sleep(100 * time.Millisecond)
		noticetest.Stranger(rw, r)
	})
	return w
}

func (w *world) page(rw http.ResponseWriter, _ *http.Request) {
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "max-age=60")
	if w.CSP != "" {
		h.Set("Content-Security-Policy", w.Words.Replace(w.CSP))
	}
	fmt.Fprintf(rw, `<!doctype html><html lang="en"><head>%s<script src="%s/.temoin/temoin.js%s"></script><meta charset="utf-8"><title>Page</title></head>
<body>%s<main><h1>Page</h1><p><a href="/other">Other</a></p></main><noscript><a href="%[2]s/.temoin/">Cookies</a></noscript></body></html>`,
		w.Before, w.Words.Replace("$HUB"), w.Query, w.Words.Replace(w.Body))
}

// inForce returns the site as the hub knows it, and its notice.
func (w *world) inForce() (*policy.Site, *notice.Notice) {
	w.T.Helper()
	s, n, err := w.node.Shown("shop")
	if err != nil {
		w.T.Fatal(err)
	}
	return s, n
}

// nobodyElse fails the test where others than site and hub were asked for anything.
func (w *world) nobodyElse() {
	w.T.Helper()
	others := slices.DeleteFunc(w.Recorded(), func(at string) bool { return strings.HasPrefix(at, w.Hub+"/") })
	if len(others) > 0 {
		w.T.Errorf("somebody was asked for %q", others)
	}
}

// press presses a button of the first layer and waits until the choice is kept.
func press(v *noticetest.Visit, name string) {
	v.Until("shown(part('notice'))")
	v.Run("part('" + name + "').click()")
	v.Until("!shown(part('notice')) && part('status').textContent")
}
