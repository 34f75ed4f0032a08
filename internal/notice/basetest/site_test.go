package basetest

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

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
  support: {needs: consent}
services:
  - {use: hotjar, category: analytics}
  - {use: google-analytics, category: analytics}
  - {use: intercom, category: support}
`

// The answers of who allows nothing, one category, and both.
const (
	refused   = "analytics=0&hotjar=0&google-analytics=0&support=0&intercom=0"
	analytics = "analytics=1&hotjar=1&google-analytics=1&support=0&intercom=0"
	support   = "analytics=0&hotjar=0&google-analytics=0&support=1&intercom=1"
	all       = "analytics=1&hotjar=1&google-analytics=1&support=1&intercom=1"
)

// A shown is what a page says of itself whenever it is shown.
type shown struct {
	Path, Made, Now string
	Kept            bool // it comes out of the back/forward cache
}

func fresh(p shown) bool { return p.Made == p.Now }
func kept(p shown) bool  { return p.Kept }

func madeFor(choice string) func(shown) bool {
	return func(p shown) bool { return p.Made == choice }
}

// A site records the pages that it is asked for, and those that ran the script of a tracker.
type site struct {
	*noticetest.Site
	Cache string // Cache-Control of pages
	Head  string // what stands in the head behind our script

	shown chan shown
}

func start(t testing.TB) *site {
	t.Helper()
	s := &site{Cache: "private, no-cache", shown: make(chan shown, 100)}
	s.Site = noticetest.StartSite(t, manifest, s.page)
	s.Answer("/shown", func(_ http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		s.shown <- shown{q.Get("path"), q.Get("made"), q.Get("now"), q.Get("kept") == "true"}
	})
	s.Script("/tracker.js", `navigator.sendBeacon("/ran", temoin.choice);`)
	s.Answer("/ran", func(_ http.ResponseWriter, r *http.Request) {
		choice, _ := io.ReadAll(r.Body)
		s.Record("ran for " + string(choice))
	})
	s.Script("/.temoin/centre.js", noticetest.Chunk(t, "centre")+`
		temoin.o = async () => { window.opened = (window.opened || 0) + 1; };
		const after = temoin.a;
		temoin.a = async () => { window.cleaned = (window.cleaned || 0) + 1; if (!window.keep) await after(); };`)
	return s
}

// tail tells the test whenever the page is shown.
const tail = `<script>
addEventListener("pageshow", (e) => fetch(location.origin + "/shown?" + new URLSearchParams({
	path: location.pathname, made: document.documentElement.dataset.made, now: temoin.choice, kept: e.persisted})));
</script>`

func (s *site) page(w http.ResponseWriter, r *http.Request, d consent.Decision, head string) {
	s.Record(asked(r.Method+" "+r.URL.Path, d.Answers()))
	w.Header().Set("Cache-Control", s.Cache)
	base := strings.NewReplacer(noticetest.Chunk(s.T, "guard"), "", noticetest.Chunk(s.T, "adapter-google"), "").Replace(head)
	title := html.EscapeString(r.URL.Path)
	fmt.Fprintf(w, "<!DOCTYPE html><html lang=en data-made=\"%s\"><head>%s%s<title>%s</title>", html.EscapeString(d.Answers()), base, s.Head, title)
	if strings.Contains(d.Answers(), "analytics=1") {
		fmt.Fprint(w, `<script>navigator.sendBeacon("/ran", temoin.choice)</script><script src="/tracker.js"></script>`)
	}
	fmt.Fprintf(w, "</head><body><temoin-notice></temoin-notice><main><h1>%s</h1><input id=field></main>%s</body></html>", title, tail)
}

// asked is what is recorded of a request for a page, which was made for a choice.
func asked(request, choice string) string { return "asked " + request + " made for " + choice }

// wasAsked fails the test where other pages than these were asked for, since the last time.
func (s *site) wasAsked(want ...string) {
	s.T.Helper()
	if got := s.Take("asked"); fmt.Sprint(got) != fmt.Sprint(want) {
		s.T.Errorf("%q, not %q", got, want)
	}
}

// ranNothing fails the test where a page ran the tracker that was not to run.
func (s *site) ranNothing() {
	s.T.Helper()
	if got := s.Take("ran"); len(got) != 0 {
		s.T.Errorf("a page that is stale ran the tracker: %q", got)
	}
}

// until waits until a page is shown that fits.
func (s *site) until(path string, fits func(shown) bool) shown {
	s.T.Helper()
	timeout := time.After(20 * time.Second)
	var seen []shown
	for {
		select {
		case p := <-s.shown:
			if p.Path == path && fits(p) {
				return p
			}
			seen = append(seen, p)
		case <-timeout:
			s.T.Fatalf("%s is not shown so; shown were %+v; recorded is %q", path, seen, s.Recorded())
		}
	}
}

// visit goes to a page, and on when it is shown as it is to be now.
func (s *site) visit(v *noticetest.Visit, path string) {
	s.T.Helper()
	v.Go(path)
	address, _, _ := strings.Cut(path, "?")
	s.until(address, fresh)
}

// with opens a tab whose visitor has made a choice.
func (s *site) with(words string) *noticetest.Visit {
	s.T.Helper()
	v := s.Open(s.T, "/first")
	s.Keep(v, words)
	return v
}
