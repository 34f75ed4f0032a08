package tagtest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/internal/browsertest"
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
	t    testing.TB
	node *app.Node
	port string
	end  func()

	Manifest string
	Store    string // a folder; a new one if empty
	Seal     bool
	Hub      string // that pages name; consent.shop.localhost if empty
	Query    string // of the tag's address
	CSP      string // of pages; $HUB stands for the hub's origin
	Before   string // of the tag, in the head
	Body     string // of pages; $PORT stands for the port, $HUB for the hub's origin

	mu     sync.Mutex
	asked  []string // "host/path" of everybody but the site
	heard  chan struct{}
	broken string // a path of the hub that fails
}

// start runs a world.
func (w *world) start(t testing.TB) *world {
	t.Helper()
	w.t, w.heard = t, make(chan struct{}, 1)
	node, err := app.Open(context.Background(), app.Config{Store: cmp.Or(w.Store, t.TempDir()), Code: "test", Sites: []app.SiteConfig{
		{File: "shop.yaml", Manifest: []byte(cmp.Or(w.Manifest, manifest)), Seal: w.Seal},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.node = node
	server := httptest.NewServer(w)
	w.end = sync.OnceFunc(func() {
		server.CloseClientConnections()
		server.Close()
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.end)
	_, w.port, _ = net.SplitHostPort(server.Listener.Addr().String())
	w.Hub = cmp.Or(w.Hub, "consent.shop.localhost")
	return w
}

func (w *world) fill(s string) string {
	return strings.NewReplacer("$PORT", w.port, "$HUB", "http://"+w.Hub+":"+w.port).Replace(s)
}

// site is the address of a page.
func (w *world) site(path string) string { return w.fill("http://www.shop.localhost:$PORT" + path) }

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	if host != "www.shop.localhost" {
		w.mu.Lock()
		w.asked = append(w.asked, host+r.URL.Path)
		broken := w.broken != "" && strings.HasPrefix(r.URL.Path, w.broken)
		w.mu.Unlock()
		select {
		case w.heard <- struct{}{}:
		default:
		}
		if broken {
			http.Error(rw, "not now", http.StatusServiceUnavailable)
			return
		}
	}
	switch {
	case r.URL.Path == "/favicon.ico":
		rw.WriteHeader(http.StatusNoContent)
	case host == "consent.shop.localhost", host == "hub.localhost":
		w.node.Handler("shop").ServeHTTP(rw, r)
	case host == "www.shop.localhost":
		w.page(rw)
	default:
		stranger(rw, r)
	}
}

func (w *world) page(rw http.ResponseWriter) {
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "max-age=60")
	if w.CSP != "" {
		h.Set("Content-Security-Policy", w.fill(w.CSP))
	}
	fmt.Fprintf(rw, `<!doctype html><html lang="en"><head>%s<script src="%s/.temoin/temoin.js%s"></script><meta charset="utf-8"><title>Page</title></head>
<body>%s<main><h1>Page</h1><p><a href="/other">Other</a></p></main><noscript><a href="%[2]s/.temoin/">Cookies</a></noscript></body></html>`,
		w.Before, w.fill("$HUB"), w.Query, w.fill(w.Body))
}

// stranger answers for everybody else: a script writes its name into the page's log.
func stranger(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Cache-Control", "no-store")
	rw.Header().Set("Access-Control-Allow-Origin", "*")
	if strings.HasSuffix(r.URL.Path, ".js") {
		rw.Header().Set("Content-Type", "text/javascript")
		if r.URL.Path == "/slow.js" {
			time.Sleep(100 * time.Millisecond)
		}
		fmt.Fprintf(rw, "(window.log ??= []).push(%q)", r.URL.Path[1:])
		return
	}
	rw.Header().Set("Content-Type", "text/html")
	fmt.Fprint(rw, "<!DOCTYPE html><title>frame</title>")
}

// requests returns what others than the site were asked for, once each, sorted.
func (w *world) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := slices.Clone(w.asked)
	slices.Sort(list)
	return slices.Compact(list)
}

// strangers returns what others than site and hub were asked for.
func (w *world) strangers() []string {
	return slices.DeleteFunc(w.requests(), func(at string) bool { return strings.HasPrefix(at, w.Hub+"/") })
}

// wait waits until something was asked for.
func (w *world) wait(at string) {
	w.t.Helper()
	timeout := time.After(15 * time.Second)
	for !slices.Contains(w.requests(), at) {
		select {
		case <-w.heard:
		case <-timeout:
			w.t.Fatalf("nobody asked for %s, but for %q", at, w.requests())
		}
	}
}

// fail has the hub fail below a path; nowhere if it is empty.
func (w *world) fail(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = path
}

// A visit is a tab on the site.
type visit struct {
	*browsertest.Tab
	w *world
}

func (w *world) open(path string) *visit {
	w.t.Helper()
	v := &visit{browsertest.Open(w.t), w}
	v.Do(chromedp.EmulateViewport(1000, 700), chromedp.Navigate(w.site(path)))
	return v
}

// script stands before each: it names the parts.
const script = `
	var host = document.querySelector('temoin-notice'), root = host && host.shadowRoot
	var part = name => root.querySelector('[part~=' + name + ']')
	var shown = e => !!e && e.checkVisibility()
	var centre = () => root.querySelector('dialog[part~=centre][open]');`

// do runs a script.
func (v *visit) do(js string) {
	v.w.t.Helper()
	browsertest.Evaluate[bool](v.Tab, script+"(async () => {"+v.w.fill(js)+"\n})().then(() => true)")
}

// get returns what an expression says, as JSON.
func (v *visit) get(expression string) string {
	v.w.t.Helper()
	return browsertest.Evaluate[string](v.Tab, script+"(async () => JSON.stringify("+v.w.fill(expression)+") ?? '')()")
}

// is fails the test where an expression says something else.
func (v *visit) is(what, expression, want string) {
	v.w.t.Helper()
	if got := v.get(expression); got != v.w.fill(want) {
		v.w.t.Errorf("%s: %s, not %s", what, got, v.w.fill(want))
	}
}

// until waits until an expression holds, over a page that is loaded meanwhile too.
func (v *visit) until(expression string) {
	v.w.t.Helper()
	wait := fmt.Sprintf(`new Promise(ok => { const look = () => { %s; let is; try { is = %s } catch {}; is ? ok(true) : setTimeout(look, 5) }; look() })`, script, v.w.fill(expression))
	ctx, stop := context.WithTimeout(v.Tab, 15*time.Second)
	defer stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise))
		if ok {
			return
		}
		if ctx.Err() != nil {
			v.w.t.Fatalf("it did not come to %s: %v; the console: %q; asked for: %q", expression, err, v.Messages(), v.w.requests())
		}
	}
}

// press presses a button of the first layer and waits until the choice is kept.
func (v *visit) press(name string) {
	v.w.t.Helper()
	v.until("shown(part('notice'))")
	v.do("part('" + name + "').click()")
	v.until("!shown(part('notice')) && part('status').textContent")
}

// quiet fails the test for each message of the console.
func (v *visit) quiet() {
	v.w.t.Helper()
	for _, m := range v.Messages() {
		v.w.t.Errorf("the console shows %s", m)
	}
}
