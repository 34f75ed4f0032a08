package basetest

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/internal/notice"
	"github.com/temoin/temoin/policy"
)

const manifest = `temoin: 1
site: s
name: S
url: https://s.example
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

// chunk reads a script as it is served.
func chunk(t testing.TB, name string) string {
	t.Helper()
	src, err := os.ReadFile("../chunks/" + name + ".js")
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// script writes a script with its data, as a page has it.
func script(t testing.TB, name string, data any) string {
	t.Helper()
	j, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return `<script data-temoin="` + html.EscapeString(string(j)) + `">` + chunk(t, name) + "</script>"
}

// A shown is what a page says of itself whenever it is shown.
type shown struct {
	Path, Made, Now string
	Kept            bool // it comes out of the back/forward cache
}

// A site answers as the gate does: each page is made for the choice that the request
// carries. It records what is asked for.
type site struct {
	t      testing.TB
	site   *policy.Site
	notice *notice.Notice
	codec  *consent.Codec
	URL    string
	Cache  string // Cache-Control of pages
	Head   string // what stands in the head before the page's own scripts
	Extra  func(w http.ResponseWriter, r *http.Request) bool

	shown chan shown
	asks  chan string // paths of pages, as they are asked for

	mu       sync.Mutex
	requests []string // of pages: "GET /a made for analytics=1"
	trackers []string // pages that ran the script of a tracker, with what they were made for
	made     int
}

func start(t testing.TB, options ...func(*site)) *site {
	t.Helper()
	parsed, err := policy.Parse("site.yaml", []byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	codec, err := consent.NewCodec(parsed, make([]byte, consent.MinKey))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := notice.Compile(parsed, notice.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, site: parsed, notice: compiled, codec: codec, Cache: "private, no-cache", shown: make(chan shown, 100), asks: make(chan string, 100)}
	for _, o := range options {
		o(s)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// value makes the value of a consent cookie: what is allowed, categories with all their
// services, or a service alone; "-hotjar" is one that is not.
func (s *site) value(allow string) string {
	s.mu.Lock()
	s.made++
	at := time.Now().Add(time.Duration(s.made) * time.Millisecond)
	s.mu.Unlock()
	id, err := consent.NewID(at, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	yes := map[string]bool{}
	for _, name := range strings.Fields(allow) {
		for _, k := range s.site.Categories {
			for _, service := range k.Services {
				yes[service.ID] = yes[service.ID] || k.ID == name
			}
		}
		yes[strings.TrimPrefix(name, "-")] = name[0] != '-'
	}
	v, err := s.codec.Encode(consent.Choose(s.site, id, at, func(name string) bool { return yes[name] }))
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// decide says what holds for who asks.
func (s *site) decide(r *http.Request) consent.Decision {
	var choice *consent.Choice
	if c, err := r.Cookie("choice"); err == nil {
		choice = s.codec.Decode(c.Value)
	}
	return consent.Decide(s.site, choice, consent.Signals{Path: r.URL.Path}, time.Now())
}

// now is what the server says of a choice, as it does in its answer to one.
func (s *site) now(value string) string {
	d := consent.Decide(s.site, s.codec.Decode(value), consent.Signals{Path: "/"}, time.Now())
	return fmt.Sprintf(`{choice: %q, i: %q, c: "1"}`, d.Answers(), consent.Mark(value))
}

// tail tells the test whenever the page is shown.
const tail = `<script>
addEventListener("pageshow", (e) => fetch("/shown?" + new URLSearchParams({
	path: location.pathname, made: document.querySelector("[data-choice]").dataset.choice, now: temoin.choice, kept: e.persisted})));
</script>`

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case s.Extra != nil && s.Extra(w, r):
	case r.URL.Path == "/shown":
		q := r.URL.Query()
		s.shown <- shown{q.Get("path"), q.Get("made"), q.Get("now"), q.Get("kept") == "true"}
	case r.URL.Path == "/tracker.js":
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, `navigator.sendBeacon("/ran", temoin.choice);`)
	case r.URL.Path == "/ran":
		made, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.trackers = append(s.trackers, string(made))
		s.mu.Unlock()
	case r.URL.Path == "/.temoin/centre.js":
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, chunk(s.t, "centre")+`
			temoin.o = async () => { window.opened = (window.opened || 0) + 1; };
			const after = temoin.a;
			temoin.a = async () => { window.cleaned = (window.cleaned || 0) + 1; if (!window.keep) await after(); };`)
	case r.URL.Path == "/.temoin/state":
		s.notice.Serve(w, r, notice.Visit{Decision: s.decide(r)})
	case strings.HasPrefix(r.URL.Path, "/.temoin/"), r.URL.Path == "/favicon.ico":
		http.NotFound(w, r)
	default:
		s.page(w, r)
	}
}

func (s *site) page(w http.ResponseWriter, r *http.Request) {
	d := s.decide(r)
	choice := d.Answers()
	s.mu.Lock()
	s.requests = append(s.requests, fmt.Sprintf("%s %s made for %s", r.Method, r.URL.Path, choice))
	s.mu.Unlock()
	s.asks <- r.URL.Path
	w.Header().Set("Cache-Control", s.Cache)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	head, _, _ := strings.Cut(string(s.notice.In("en").Head(&d, notice.Page{Mark: s.notice.Mark(r)})), "</script>")
	fmt.Fprintf(w, "<!DOCTYPE html><html lang=en><head>%s</script>%s<title>%s</title>", head, s.Head, html.EscapeString(r.URL.Path))
	if strings.Contains(choice, "analytics=1") {
		fmt.Fprint(w, `<script>navigator.sendBeacon("/ran", temoin.choice)</script><script src="/tracker.js"></script>`)
	}
	fmt.Fprintf(w, "</head><body><temoin-notice></temoin-notice><main><h1>%s</h1><input id=field></main>%s</body></html>", html.EscapeString(r.URL.Path), tail)
}

// until waits until a page is shown that fits.
func (s *site) until(what string, fits func(shown) bool) shown {
	s.t.Helper()
	timeout := time.After(20 * time.Second)
	var seen []shown
	for {
		select {
		case p := <-s.shown:
			if fits(p) {
				return p
			}
			seen = append(seen, p)
		case <-timeout:
			s.t.Fatalf("%s: not shown; shown were %+v, asked for %q", what, seen, s.asked())
		}
	}
}

// fresh waits until a page is shown that was made for the choice of now.
func (s *site) fresh(path string) shown {
	s.t.Helper()
	return s.until("fresh "+path, func(p shown) bool { return p.Path == path && p.Made == p.Now })
}

// asked returns which pages the server was asked for, and forgets them.
func (s *site) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.requests
	s.requests = nil
	return list
}

// ran returns what the pages were made for that loaded the tracker, and forgets them.
func (s *site) ran() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.trackers
	s.trackers = nil
	return list
}

// choose sets the consent cookie in the browser without telling any page; "-" removes it.
// It returns what the server would tell the page.
func (s *site) choose(tab *browsertest.Tab, allow string) string {
	s.t.Helper()
	value := s.value(allow)
	now, set := s.now(value), "choice="+value+";path=/"
	if allow == "-" {
		now, set = `{choice: "", i: "; choice=", c: "0"}`, "choice=;path=/;max-age=0"
	}
	js, _ := json.Marshal(set)
	// A request of the page goes out behind the cookie; one of the browser's need not.
	browsertest.Evaluate[string](tab, "document.cookie = "+string(js)+", fetch('/.temoin/none').then(() => '')")
	return now
}

func (s *site) open(tab *browsertest.Tab, path string) {
	s.t.Helper()
	tab.Do(chromedp.Navigate(s.URL + path))
}
