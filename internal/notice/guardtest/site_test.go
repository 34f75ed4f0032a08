package guardtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
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

// Browsers find every name under localhost on this machine.
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
	t      testing.TB
	site   *policy.Site
	codec  *consent.Codec
	notice *notice.Notice
	port   string

	Head, Body string            // of the page "/"; $PORT stands for the port
	Whole      string            // in place of Head and Body, a page without what we add
	NoGuard    bool              // the page comes without scripts of ours
	Guard      string            // in place of the guard's data
	Files      map[string]string // of the site

	mu    sync.Mutex
	asked []string // "host/path", of everybody but the site
	heard chan struct{}
	gates map[string]chan struct{} // answers that wait
}

func start(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, heard: make(chan struct{}, 1), Files: map[string]string{}, gates: map[string]chan struct{}{}}
	var err error
	if w.site, err = policy.Parse("site.yaml", []byte(manifest)); err != nil {
		t.Fatal(err)
	}
	if w.codec, err = consent.NewCodec(w.site, make([]byte, consent.MinKey)); err != nil {
		t.Fatal(err)
	}
	if w.notice, err = notice.Compile(w.site, notice.Options{}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	t.Cleanup(w.openGates)
	u, _ := url.Parse(server.URL)
	w.port = u.Port()
	return w
}

func (w *world) openGates() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, g := range w.gates {
		close(g)
		delete(w.gates, k)
	}
}

// gate makes answers for an address wait until the function that it returns is called.
func (w *world) gate(at string) (open func()) {
	g := make(chan struct{})
	w.mu.Lock()
	w.gates[at] = g
	w.mu.Unlock()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.gates[at] == g {
			close(g)
			delete(w.gates, at)
		}
	}
}

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	rw.Header().Set("Cache-Control", "no-store")
	rw.Header().Set("Access-Control-Allow-Origin", "*")
	if host != "site.localhost" {
		w.stranger(rw, r, strings.TrimSuffix(host, ".")+r.URL.Path)
		return
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/.temoin/"):
		w.notice.Serve(rw, r, notice.Visit{})
	case r.URL.Path == "/favicon.ico":
		rw.WriteHeader(http.StatusNoContent)
	case r.URL.Path == "/choose":
		value := w.value(r.FormValue("allow"))
		http.SetCookie(rw, &http.Cookie{Name: "choice", Value: value, Path: "/"})
		d := consent.Decide(w.site, w.codec.Decode(value), consent.Signals{Path: "/"}, time.Now())
		fmt.Fprintf(rw, `{"choice":%q,"i":%q,"c":"1"}`, d.Answers(), consent.Mark(value))
	case w.Files[r.URL.Path] != "":
		rw.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(rw, w.fill(w.Files[r.URL.Path]))
	case r.URL.Path == "/":
		w.page(rw, r)
	default:
		http.NotFound(rw, r)
	}
}

func (w *world) fill(s string) string { return strings.ReplaceAll(s, "$PORT", w.port) }

func (w *world) page(rw http.ResponseWriter, r *http.Request) {
	var choice *consent.Choice
	if c, err := r.Cookie("choice"); err == nil {
		choice = w.codec.Decode(c.Value)
	}
	d := consent.Decide(w.site, choice, consent.Signals{Path: "/"}, time.Now())
	head := string(w.notice.In("en").Head(&d, notice.Page{Mark: w.notice.Mark(r)}))
	if w.NoGuard {
		head = ""
	}
	if w.Guard != "" {
		base, _, _ := strings.Cut(head, "</script>")
		head = base + "</script><script data-temoin='" + w.Guard + "'>" + chunk(w.t, "guard") + "</script>"
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	if w.Whole != "" {
		whole := strings.Replace(w.Whole, "<head>", "<head>"+head, 1)
		fmt.Fprint(rw, strings.Replace(whole, "<body>", "<body>"+string(w.notice.In("en").Body(&d)), 1))
		return
	}
	fmt.Fprintf(rw, "<!DOCTYPE html><html lang=en><head>%s%s<title>page</title></head><body>%s</body></html>", head, w.fill(w.Head), w.fill(w.Body))
}

// stranger answers what others are asked for: a script writes its name into the page's log.
func (w *world) stranger(rw http.ResponseWriter, r *http.Request, at string) {
	w.mu.Lock()
	w.asked = append(w.asked, at)
	g := w.gates[at]
	w.mu.Unlock()
	select {
	case w.heard <- struct{}{}:
	default:
	}
	if g != nil {
		<-g
	}
	switch {
	case strings.HasSuffix(at, ".js"):
		rw.Header().Set("Content-Type", "text/javascript")
		if r.URL.Path == "/module.js" {
			fmt.Fprintln(rw, "import.meta;") // which no other script may say
		}
		fmt.Fprintf(rw, "(window.log ??= []).push(%q); window.onlog?.()", r.URL.Path[1:])
	case strings.HasSuffix(at, ".css"):
		rw.Header().Set("Content-Type", "text/css")
	case strings.HasSuffix(at, ".html"):
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprint(rw, "<!DOCTYPE html><title>frame</title>")
	case strings.HasSuffix(at, ".gif"):
		rw.Header().Set("Content-Type", "image/gif")
		fmt.Fprint(rw, "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")
	default:
		http.NotFound(rw, r)
	}
}

func chunk(t testing.TB, name string) string {
	t.Helper()
	src, err := os.ReadFile("../chunks/" + name + ".js")
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

func (w *world) value(allow string) string {
	id, err := consent.NewID(time.Now(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	yes := map[string]bool{}
	for _, name := range strings.Fields(allow) {
		yes[strings.TrimPrefix(name, "-")] = name[0] != '-'
		for _, k := range w.site.Categories {
			for _, s := range k.Services {
				yes[s.ID] = yes[s.ID] || k.ID == name
			}
		}
	}
	v, err := w.codec.Encode(consent.Choose(w.site, id, time.Now(), func(name string) bool { return yes[name] }))
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// requests returns what others than the site were asked for, sorted.
func (w *world) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := slices.Clone(w.asked)
	slices.Sort(list)
	return slices.Compact(list)
}

// wait waits until all of these were asked for, each "host/path".
func (w *world) wait(want ...string) {
	w.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		have := w.requests()
		missing := slices.DeleteFunc(slices.Clone(want), func(at string) bool { return slices.Contains(have, at) })
		if len(missing) == 0 {
			return
		}
		select {
		case <-w.heard:
		case <-timeout:
			w.t.Fatalf("nobody asked for %q; asked for were %q", missing, have)
		}
	}
}

// held fails the test for each request to one of the hosts.
func (w *world) held(hosts ...string) {
	w.t.Helper()
	for _, at := range w.requests() {
		if host, _, _ := strings.Cut(at, "/"); slices.Contains(hosts, host) {
			w.t.Errorf("%s was asked for", at)
		}
	}
}

func (w *world) open(tab *browsertest.Tab) {
	w.t.Helper()
	tab.Do(chromedp.Navigate("http://site.localhost:" + w.port + "/"))
}

// run runs a script in the page, which sees $PORT, and returns what it returns, as JSON.
func (w *world) run(tab *browsertest.Tab, script string) string {
	w.t.Helper()
	return browsertest.Evaluate[string](tab, w.fill("(async () => {"+script+"})().then(v => JSON.stringify(v) ?? '', e => 'thrown: ' + e)"))
}

// is fails the test where a script does not return a value, as JSON.
func (w *world) is(tab *browsertest.Tab, what, script, want string) {
	w.t.Helper()
	var compact, wanted any
	got := w.run(tab, script)
	if json.Unmarshal([]byte(got), &compact) == nil && json.Unmarshal([]byte(w.fill(want)), &wanted) == nil && fmt.Sprint(compact) == fmt.Sprint(wanted) {
		return
	}
	if got != w.fill(want) {
		w.t.Errorf("%s: %s, not %s", what, got, w.fill(want))
	}
}

// choose makes a choice as the notice does: the cookie first, then the page is told.
func (w *world) choose(tab *browsertest.Tab, allow string) {
	w.t.Helper()
	w.is(tab, "choose "+allow, "temoin.s(await (await fetch('/choose?allow="+url.QueryEscape(allow)+"')).json());", "")
}

// quiet fails the test for each message of the console.
func quiet(t testing.TB, tab *browsertest.Tab) {
	t.Helper()
	for _, m := range tab.Messages() {
		t.Errorf("the console shows %s", m)
	}
}
