package gatetest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/internal/notice/noticetest"
)

// manifest is a shop whose services are on hosts of this machine.
const manifest = `
temoin: 1
site: shop
name: Shop
url: https://shop.localhost
languages: [en, fr]
controller: {name: Shop SARL, country: FR}
choice: {cookie: consent}
categories:
  needed: {exempt: true}
  stats: {needs: consent, purpose: {en: "Statistics help us to improve the shop.", fr: "Les statistiques nous aident à améliorer la boutique."}}
  media: {needs: consent, purpose: {en: "Videos are shown in the pages.", fr: "Des vidéos sont montrées dans les pages."}}
trackers:
  - {name: session, category: needed, reason: authentication, lasts: session, http_only: true, purpose: {en: Keeps you signed in., fr: Vous garde connecté.}}
  - {name: seen, category: stats, lasts: 1 month, http_only: true, purpose: {en: Counts visits., fr: Compte les visites.}}
services:
  - {id: counter, name: Counter, category: stats, hosts: [counter.localhost], snippets: ["counter.push("], provider: {name: Counter Inc., country: US}, purpose: {en: Counts., fr: Compte.}}
  - {id: film, name: Film, category: media, hosts: [film.localhost], provider: {name: Film SA, country: FR}, purpose: {en: Videos., fr: Vidéos.}}
`

// A site is the shop behind its gate, in a world.
type site struct {
	*noticetest.World
	node *app.Node
}

// start serves pages behind the gate of the shop; more is added to its manifest.
func start(t *testing.T, more string, pages func(*site, http.ResponseWriter, *http.Request)) *site {
	t.Helper()
	return startWith(t, manifest+more, app.GateConfig{}, pages)
}

// startFollowing serves pages of a shop whose choices follow accounts; who is signed in
// stands in a cookie.
func startFollowing(t *testing.T, pages func(*site, http.ResponseWriter, *http.Request)) *site {
	t.Helper()
	subjects := gate.SubjectFunc(func(r *http.Request) (string, error) {
		if c, err := r.Cookie("session"); err == nil {
			return c.Value, nil
		}
		return "", nil
	})
	return startWith(t, strings.Replace(manifest, "choice: {cookie: consent}", "choice: {cookie: consent, scope: account}", 1), app.GateConfig{Subjects: subjects}, pages)
}

func startWith(t *testing.T, manifest string, c app.GateConfig, pages func(*site, http.ResponseWriter, *http.Request)) *site {
	t.Helper()
	node, err := app.Open(t.Context(), app.Config{Store: t.TempDir(), Code: "test", Sites: []app.SiteConfig{{File: "shop.yaml", Manifest: []byte(manifest)}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &site{node: node}
	s.World = noticetest.Start(t, "shop.localhost", node.Gate("shop", c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { pages(s, w, r) })).ServeHTTP)
	s.World.Prelude = `const part = (name) => document.querySelector('temoin-notice')?.shadowRoot?.querySelector('[part~=' + name + ']');
const press = (name) => document.querySelector('temoin-notice').shadowRoot.querySelector('[value=' + name + ']').click();
`
	return s
}

// page writes a page; it is filled with the world's words.
func (s *site) page(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, s.Words.Replace(text)) //nolint:errcheck // the browser says so
}

// everything loads from everybody who needs consent, in many ways.
const everything = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><link rel="preload" as="script" href="http://counter.localhost:$PORT/pre.js">
<link rel="stylesheet" href="http://film.localhost:$PORT/film.css">
<script src="http://counter.localhost:$PORT/first.js"></script>
<script>window.counter = []; counter.push('loaded')</script>
<style>@import "http://counter.localhost:$PORT/import.css";</style>
<style>.a { background: url(http://counter.localhost:$PORT/style.gif) }</style></head>
<body><h1>Shop</h1><p class="a">Text</p>
<img alt="" src="http://counter.localhost:$PORT/src.gif" srcset="http://counter.localhost:$PORT/set.gif 2x">
<p style="background: url('http://counter.localhost:$PORT/inline.gif')">Text</p>
<iframe title="Film" width="300" height="200" src="http://film.localhost:$PORT/film.html"></iframe>
<video poster="http://film.localhost:$PORT/poster.gif"></video>
<svg width="1" height="1"><image href="http://counter.localhost:$PORT/svg.gif"/></svg>
<script src="http://counter.localhost:$PORT/second.js" defer></script>
<script>const i = new Image(); i.src = 'http://counter.localhost:$PORT/made.gif'</script>
<p><a href="/next">Next</a></p></body></html>`

// shop answers with everything, and sets cookies.
func (s *site) shop(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
	http.SetCookie(w, &http.Cookie{Name: "seen", Value: fmt.Sprint(len(r.Header.Get("Cookie"))), MaxAge: 1e9, HttpOnly: true})
	w.Header().Add("Link", s.Words.Replace("<http://counter.localhost:$PORT/hinted.js>; rel=preload; as=script"))
	s.page(w, everything)
}

// asked is what everybody else was asked for.
func (s *site) asked() string { return strings.Join(s.Recorded(), " ") }
