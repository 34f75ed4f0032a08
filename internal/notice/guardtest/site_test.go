package guardtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/notice/noticetest"
)

const manifest = `temoin: 1
site: s
name: S
url: https://site.localhost
languages: [en]
choice: {cookie: choice, lasts: 6 months}
categories:
  needed: {exempt: true}
  analytics: {needs: consent}
  media: {needs: consent}
services:
  - {id: counter, name: Counter, category: analytics, hosts: ["*.analytics.localhost", cdn.localhost/count/]}
  - {id: tags, name: Tags, category: analytics, hosts: [tags.localhost]}
  - {id: ads, name: Ads, category: media, hosts: [tags.localhost]}
  - {id: video, name: Video, category: media, hosts: [video.localhost, "*.video.localhost"]}
  - {id: map, name: Map, category: media, hosts: [map.localhost], loads: on-use, click: true, because: {en: you click}}
  - {id: files, name: Files, category: needed, hosts: [files.video.localhost], loads: always, because: {en: needed}}
`

// A world is the site, made as the gate makes it, and everybody else under localhost.
type world struct {
	*noticetest.Site

	Head, Body string // of pages; $PORT stands for the port
	Whole      string // in place of Head and Body, a page without what we add
	NoGuard    bool   // pages come without scripts of ours
	Lost       bool   // what the guard is told is lost on the way
	First      string // a script of the browser's owner, before ours
}

func start(t testing.TB) *world { return startWith(t, "") }

// startWith adds lines to the manifest.
func startWith(t testing.TB, lines string) *world {
	t.Helper()
	w := &world{}
	w.Site = noticetest.StartSite(t, manifest+lines, w.page)
	// until waits in the page until the log says so.
	w.Prelude = `const until = what => new Promise(done => { const look = () => { if ((window.log ?? []).includes(what)) done(); else window.onlog = look }; look() }); `
	return w
}

func (w *world) page(rw http.ResponseWriter, _ *http.Request, d consent.Decision, head string) {
	if w.NoGuard {
		head = ""
	}
	if w.Lost {
		head = strings.NewReplacer(" data-e=", " title=", " data-n=", " lang=").Replace(head)
	}
	if w.First != "" {
		head = "<script>" + w.First + "</script>" + head
	}
	if w.Whole != "" {
		whole := strings.Replace(w.Whole, "<head>", "<head>"+head, 1)
		fmt.Fprint(rw, strings.Replace(whole, "<body>", "<body>"+string(w.Notice.In("en").Body(&d)), 1))
		return
	}
	fmt.Fprintf(rw, "<!DOCTYPE html><html lang=en><head>%s%s<title>page</title></head><body>%s</body></html>", head, w.Words.Replace(w.Head), w.Words.Replace(w.Body))
}

// gate makes answers for an address wait until the function that it returns is called.
func (w *world) gate(at string) (open func()) {
	opened := make(chan struct{})
	w.Answer(at, func(rw http.ResponseWriter, r *http.Request) {
		select {
		case <-opened:
		case <-r.Context().Done():
		}
		noticetest.Stranger(rw, r)
	})
	return func() { close(opened) }
}

// held fails the test for each request to one of the hosts.
func (w *world) held(hosts ...string) {
	w.T.Helper()
	for _, at := range w.Recorded() {
		if host, _, _ := strings.Cut(at, "/"); slices.Contains(hosts, host) {
			w.T.Errorf("%s was asked for", at)
		}
	}
}
