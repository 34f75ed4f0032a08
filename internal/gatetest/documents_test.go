package gatetest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// Browsers look ahead for "@import", whatever type a style sheet has.
func TestNobodyIsAskedForAStyleSheetThatAHeldOneImports(t *testing.T) {
	t.Parallel()
	s := start(t, "", func(s *site, w http.ResponseWriter, _ *http.Request) {
		s.page(w, `<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,"><style>@import "http://counter.localhost:$PORT/plain.css";</style>
<style>@import "http://counter.localhost:$PORT/long.css";`+strings.Repeat("/* as long as some are */", 4000)+`</style></head><body><h1>Shop</h1>
<svg width="1" height="1"><style>@import "http://counter.localhost:$PORT/svg.css";</style></svg>
<svg width="1" height="1"><style><![CDATA[@import "http://counter.localhost:$PORT/cdata.css";]]></style></svg>
<img alt="" src="http://last.localhost:$PORT/last.gif"></body></html>`)
	})
	v := s.Open(t, "/")
	s.Wait("last.localhost/last.gif")
	v.Until(`part('accept')?.checkVisibility() && document.readyState == 'complete'`)
	if asked := s.asked(); asked != "last.localhost/last.gif" {
		t.Errorf("asked for: %s", asked)
	}
	v.Run(`press('accept')`)
	s.Wait("counter.localhost/plain.css", "counter.localhost/long.css", "counter.localhost/svg.css", "counter.localhost/cdata.css")
}

func TestAPageOfXHTMLStaysWhole(t *testing.T) {
	t.Parallel()
	s := start(t, "", func(s *site, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xhtml+xml")
		io.WriteString(w, s.Words.Replace(`<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head><title>Shop</title><link rel="icon" href="data:,"/><script src="/own.js"/>
<script src="http://counter.localhost:$PORT/a.js"/></head><body><h1>Shop</h1><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="http://counter.localhost:$PORT/a.gif" width="9" height="9"/></svg>
<iframe src="http://film.localhost:$PORT/film.html"/><textarea/><img alt="" src="http://counter.localhost:$PORT/b.gif"/><p id="end">Text</p></body></html>`)) //nolint:errcheck // the browser says so
	})
	v := s.Open(t, "/")
	v.Until(`document.readyState == 'complete' && document.querySelector('#end')`)
	v.Is("the frame shows a placeholder", `return document.querySelector('iframe').contentWindow.location.pathname`, `"/.temoin/placeholder/film"`)
	if asked := s.asked(); asked != "" {
		t.Errorf("asked for: %s", asked)
	}
	choose(v, "accept")
	v.Go("/")
	s.Wait("counter.localhost/a.js", "counter.localhost/a.gif", "counter.localhost/b.gif", "film.localhost/film.html")
}

// drawing is a document of SVG, in which names mean what their prefixes say, and addresses can
// stand in entities: it is not rewritten.
const drawing = `<?xml version="1.0"?><?xml-stylesheet href="http://counter.localhost:$PORT/pi.css"?><!DOCTYPE svg [<!ENTITY at "http://counter.localhost:$PORT/">]>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:h="http://www.w3.org/1999/xhtml" width="99" height="99">
<style>@import "http://counter.localhost:$PORT/import.css";</style><image href="http://counter.localhost:$PORT/image.gif" width="9" height="9"/>
<image xlink:href="&at;entity.gif" width="9" height="9"/><script href="http://counter.localhost:$PORT/script.js"/><h:script src="http://counter.localhost:$PORT/other.js"/>
<script>fetch("http://counter.localhost:$PORT/fetched.js")</script>
<foreignObject width="9" height="9"><h:iframe src="http://film.localhost:$PORT/frame.html"/></foreignObject>
<image href="http://static.shop.localhost:$PORT/own.gif" width="9" height="9"/></svg>`

func TestADocumentThatIsNotRewrittenKeepsToTheSeal(t *testing.T) {
	t.Parallel()
	s := start(t, "enforcement: {seal: block}\n", func(s *site, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/page" {
			s.page(w, `<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,"></head><body><h1>Shop</h1>
<iframe src="/drawing.svg"></iframe><object data="/drawing.svg" type="image/svg+xml"></object><embed src="/drawing.svg"><img alt="" src="/drawing.svg"></body></html>`)
			return
		}
		w.Header().Set("Content-Type", "image/svg+xml")
		io.WriteString(w, s.Words.Replace(drawing)) //nolint:errcheck // the browser says so
	})
	v := s.Open(t, "/drawing.svg")
	for _, path := range []string{"/drawing.svg", "/page"} {
		v.Go(path)
		s.Wait("static.shop.localhost/own.gif")
		v.Until(`document.readyState == 'complete'`)
		for _, asked := range s.Take("") {
			if asked != "static.shop.localhost/own.gif" {
				t.Errorf("%s: asked for %s", path, asked)
			}
		}
	}
	v.Go("/page")
	v.Run(`press('accept')`)
	v.Until(`temoin.allows('film') && document.readyState == 'complete'`)
	v.Go("/drawing.svg")
	s.Wait("film.localhost/frame.html", "counter.localhost/image.gif", "counter.localhost/entity.gif", "counter.localhost/script.js", "counter.localhost/other.js", "counter.localhost/fetched.js", "counter.localhost/import.css")
}
