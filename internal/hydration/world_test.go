package hydration

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/internal/sitetest"
)

// Browsers find every name under localhost on this machine.
const manifest = `temoin: 1
site: site
name: Site
url: https://site.localhost
languages: [en]
controller: {name: Site Ltd, address: 1 Example Street, country: FR}
contact: {support: {email: help@site.localhost}}
choice: {cookie: choice, lasts: 6 months}
categories:
  needed: {exempt: true}
  analytics: {needs: consent, purpose: {en: We count visits.}}
  media: {needs: consent, purpose: {en: We show films.}}
services:
  - {id: counter, name: Counter, category: analytics, hosts: [counter.localhost]}
  - {id: tags, name: Tags, category: analytics, hosts: [tags.localhost]}
  - {id: video, name: Video, category: media, hosts: [video.localhost]}
  - {id: fonts, name: Fonts, category: media, hosts: [fonts.localhost]}
`

// A framework is one whose application is in testdata.
type framework struct {
	name    string
	program []string // of node, in the folder of the application
	built   string   // is there when it was built
	scripts string   // where the browser finds those of the framework
}

var (
	next = framework{"next", []string{"node_modules/next/dist/bin/next", "start", "-H", "127.0.0.1", "-p", "0"}, ".next/BUILD_ID", "/_next/static/"}
	nuxt = framework{"nuxt", []string{".output/server/index.mjs"}, ".output/server/index.mjs", "/_nuxt/"}
)

// A world is a tab in front of a running application, the gate between them, and
// everybody else under localhost.
type world struct {
	*browsertest.Tab
	t    *testing.T
	site *sitetest.Site
	app  *url.URL

	mu     sync.Mutex
	asked  []string // "host/path", of everybody but the site
	alone  bool     // pages come as the application writes them
	closed map[string]chan struct{}
}

// start runs an application and opens a tab.
func start(t *testing.T, f framework) *world {
	t.Helper()
	if os.Getenv("TEMOIN_HYDRATION") == "" {
		t.Skip("applications of real frameworks are installed and built by: make hydration")
	}
	w := &world{t: t, closed: map[string]chan struct{}{}}
	w.site = sitetest.Start(t, "site", sitetest.Config{Manifest: manifest, Page: w.answer})
	w.app = run(t, f, w.site.URL)
	w.Tab = browsertest.Open(t)
	w.Do(chromedp.EmulateViewport(1000, 800))
	t.Cleanup(w.openAll)
	return w
}

var listening = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// run starts the server of an application and returns where it listens.
func run(t *testing.T, f framework, site string) *url.URL {
	t.Helper()
	dir := filepath.Join("testdata", f.name)
	if _, err := os.Stat(filepath.Join(dir, f.built)); f.built != "" && err != nil {
		t.Fatalf("%s was not built: make hydration", dir)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(site, "http://"), ":")
	others, late := "http://*.localhost:"+port, "http://127.0.0.1:"+port+"/late"
	node := exec.CommandContext(t.Context(), "node", f.program...)
	node.Dir = dir
	node.Env = append(os.Environ(), "NEXT_TELEMETRY_DISABLED=1", "NUXT_TELEMETRY_DISABLED=1", "HOST=127.0.0.1", "PORT=0",
		"OTHERS="+others, "GATE="+late, "NUXT_PUBLIC_OTHERS="+others, "NUXT_GATE="+late)
	node.Cancel = func() error { return node.Process.Signal(os.Interrupt) }
	node.WaitDelay = 5 * time.Second
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	node.Stderr = os.Stderr
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Wait() }) //nolint:errcheck // it was told to end
	lines := bufio.NewScanner(out)
	var at *url.URL
	for lines.Scan() {
		if found := listening.FindString(lines.Text()); found != "" {
			at, _ = url.Parse(found)
		}
		if at != nil && (f.name == "nuxt" || strings.Contains(lines.Text(), "Ready")) {
			break
		}
	}
	if at == nil {
		t.Fatalf("the server of %s does not start", dir)
	}
	go io.Copy(io.Discard, out) //nolint:errcheck // so that it never waits
	return at
}

// answer answers for the site, and for all others.
func (w *world) answer(rw http.ResponseWriter, r *http.Request, head, body []byte) {
	host, _, _ := strings.Cut(r.Host, ":")
	rw.Header().Del("Vary")
	switch {
	case r.URL.Path == "/favicon.ico":
		rw.WriteHeader(http.StatusNoContent)
	case host == "127.0.0.1": // the application itself
		w.pass("late")
	case host != "site.localhost":
		w.stranger(rw, r, host+r.URL.Path)
	default:
		for _, f := range []framework{next, nuxt} {
			if strings.HasPrefix(r.URL.Path, f.scripts) {
				w.pass("scripts")
			}
		}
		view, err := w.site.Node.View("site", r)
		if err != nil {
			w.t.Error(err)
		}
		rw.Header().Del("Content-Type")
		rw.Header().Del("Cache-Control")
		w.mu.Lock()
		alone := w.alone
		w.mu.Unlock()
		gate{view, head, body, alone}.forward(rw, r, w.app)
	}
}

// stranger answers what others are asked for: a script writes its name into the page's log.
func (w *world) stranger(rw http.ResponseWriter, r *http.Request, at string) {
	w.mu.Lock()
	w.asked = append(w.asked, at)
	w.mu.Unlock()
	h := rw.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Access-Control-Allow-Origin", "*")
	switch filepath.Ext(at) {
	case ".js":
		h.Set("Content-Type", "text/javascript")
		fmt.Fprintf(rw, "(window.log ??= []).push(%q)", r.URL.Path[1:])
	case ".css":
		h.Set("Content-Type", "text/css")
		fmt.Fprint(rw, "h1 { color: rgb(1, 2, 3) }")
	case ".html":
		fmt.Fprintf(rw, "<!DOCTYPE html><title>frame</title><p>%s", at)
	case ".gif":
		h.Set("Content-Type", "image/gif")
		fmt.Fprint(rw, "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")
	}
}

// shut makes answers wait: "scripts" those of the framework, "late" what the
// application asks for while it writes a page.
func (w *world) shut(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed[what] = make(chan struct{})
}

func (w *world) open(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.closed[what]; c != nil {
		close(c)
		delete(w.closed, what)
	}
}

func (w *world) openAll() {
	w.open("scripts")
	w.open("late")
}

func (w *world) pass(what string) {
	w.mu.Lock()
	c := w.closed[what]
	w.mu.Unlock()
	if c != nil {
		<-c
	}
}

// requests returns what others than the site were asked for since it was last called.
func (w *world) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.asked
	w.asked = nil
	slices.Sort(list)
	return list
}

// nothing fails the test where others were asked for something. That what is free
// arrives after all else shows that there was time.
func (w *world) nothing() {
	w.t.Helper()
	w.do(`await fetch("http://free." + location.host.replace(/^site\./, "") + "/free.gif"); await new Promise(requestAnimationFrame)`)
	if got := w.requests(); !slices.Equal(got, []string{"free.localhost/free.gif"}) {
		w.t.Errorf("asked for were %q", got)
	}
}

// wait waits until all of these were asked for, each "host/path", and returns all that was.
func (w *world) wait(want ...string) []string {
	w.t.Helper()
	var have []string
	for {
		have = append(have, w.requests()...)
		missing := slices.DeleteFunc(slices.Clone(want), func(at string) bool { return slices.Contains(have, at) })
		if len(missing) == 0 {
			return have
		}
		if w.Err() != nil {
			w.t.Fatalf("nobody asked for %q; asked for were %q\n%s", missing, have, strings.Join(w.Messages(), "\n"))
		}
		chromedp.Run(w.Tab, chromedp.Evaluate[bool](`new Promise(ok => setTimeout(ok, 10, true))`, chromedp.EvalAwaitPromise)) //nolint:errcheck // looked at again
	}
}

// script stands before each: it names the parts.
const script = `
	var host = document.querySelector('temoin-notice'), root = host && host.shadowRoot
	var part = name => root && root.querySelector('[part~=' + name + ']')
	var press = name => part(name).click()
	var shown = e => !!e && e.checkVisibility()
	var hydrated = page => document.documentElement.dataset.hydrated == page
	var frame = title => document.querySelector('iframe[title=' + title + ']')
	var isHeld = e => !!e && /^\/\.temoin\/placeholder\//.test(e.attributes.src.value) && e.dataset.temoin
	var waits = name => document.querySelector('[data-temoin-src$="/' + name + '"]')
	var ran = name => (window.log || []).filter(x => x == name).length;`

// do runs a script.
func (w *world) do(js string) {
	w.t.Helper()
	browsertest.Evaluate[bool](w.Tab, script+"(async () => {"+js+"\n})().then(() => true)")
}

// until waits until an expression holds, over a page that is loaded meanwhile too.
func (w *world) until(expression string) {
	w.t.Helper()
	wait := fmt.Sprintf(`%s new Promise(ok => { const look = () => (%s) ? ok(true) : setTimeout(look, 5); look() })`, script, expression)
	for {
		ok, err := chromedp.Run(w.Tab, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise))
		if ok {
			return
		}
		if w.Err() != nil {
			w.t.Fatalf("it never holds that %s: %v\n%s", expression, err, strings.Join(w.Messages(), "\n"))
		}
	}
}

// holds fails the test where an expression does not hold now.
func (w *world) holds(expression string) {
	w.t.Helper()
	if !browsertest.Evaluate[bool](w.Tab, script+"!!("+expression+")") {
		w.t.Errorf("it does not hold that %s", expression)
	}
}

// equals fails the test where an expression is not the JSON that is wanted.
func (w *world) equals(expression, want string) {
	w.t.Helper()
	if got := browsertest.Evaluate[string](w.Tab, script+"JSON.stringify("+expression+")"); got != want {
		w.t.Errorf("%s is %s, not %s", expression, got, want)
	}
}

// quiet fails the test where the page has complained.
func (w *world) quiet() {
	w.t.Helper()
	for _, m := range w.Messages() {
		if strings.Contains(m, "can escape its sandboxing") {
			continue // the page's own wish: the placeholder has the site's origin
		}
		w.t.Errorf("the page says %s", m)
	}
}

// visit opens a page without waiting for it to be loaded.
func (w *world) visit(path string) {
	w.t.Helper()
	if browsertest.Evaluate[string](w.Tab, "location.protocol") == "about:" {
		w.Do(chromedp.Navigate(w.site.URL + "/.temoin/state"))
	}
	w.do(fmt.Sprintf("window.left = true; setTimeout(() => location.href = %q)", w.site.URL+path))
	w.until("!window.left && document.body")
}

// arrive opens a page and waits for the framework to take it over. Before that the
// notice is there already.
func (w *world) arrive(path, page string, noticed bool) {
	w.t.Helper()
	w.shut("scripts")
	w.visit(path)
	w.until(`document.querySelector('temoin-notice') && document.querySelector('main h1')`)
	w.holds(`document.body.firstElementChild == host && !document.documentElement.dataset.hydrated`)
	w.holds(fmt.Sprintf(`shown(part('notice')) == %t`, noticed))
	w.do(`window.first = host`)
	w.open("scripts")
	w.until(fmt.Sprintf(`hydrated(%q)`, page))
	w.kept(noticed)
}

// kept fails the test where the notice is not the node that it was, at its place.
func (w *world) kept(noticed bool) {
	w.t.Helper()
	w.holds(fmt.Sprintf(`host == first && document.body.firstElementChild == host && shown(part('notice')) == %t`, noticed))
}

// follow clicks a link of the application.
func (w *world) follow(path, page string) {
	w.t.Helper()
	w.do(fmt.Sprintf(`window.same = true; document.querySelector('nav a[href="%s"]').click()`, path))
	w.until(fmt.Sprintf(`hydrated(%q)`, page))
	w.holds(`window.same`)
}

// works fails the test where the page does nothing.
func (w *world) works() {
	w.t.Helper()
	w.do(`document.querySelector('#clicks').click()`)
	w.until(`document.querySelector('#clicks').textContent == '1 clicks'`)
}
