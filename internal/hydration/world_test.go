package hydration

import (
	"bufio"
	"context"
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

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/internal/notice/noticetest"
)

// manifest is a site whose services are on hosts of this machine: browsers find every name
// under localhost on it.
const manifest = `temoin: 1
site: site
name: Site
url: https://site.localhost
languages: [en]
controller: {name: Site Ltd, address: 1 Example Street, country: FR}
contact: {support: {email: help@site.localhost}}
categories:
  needed: {exempt: true}
  analytics: {needs: consent, purpose: {en: We count visits.}}
  media: {needs: consent, purpose: {en: We show films.}}
services:
  - {id: counter, name: Counter, category: analytics, hosts: [counter.localhost]}
  - {id: tags, name: Tags, category: analytics, hosts: [tags.localhost]}
  - {id: video, name: Video, category: media, hosts: [video.localhost]}
  - {id: fonts, name: Fonts, category: media, hosts: [fonts.localhost]}
  - {id: pay, name: Pay, category: needed, hosts: [pay.localhost, bank.localhost], loads: on-use, paths: [/checkout], because: {en: you pay}}
trusted_hosts: [{host: free.localhost, because: {en: it keeps nothing}}]
`

// A framework is one whose application is in testdata.
type framework struct {
	name    string
	program []string // of node, in the folder of the application
	built   string   // is there when it was built
	scripts string   // where the browser finds those of the framework
	ready   string   // stands in what it prints when it answers
}

var (
	nextStart = []string{"node_modules/next/dist/bin/next", "start", "-H", "127.0.0.1", "-p", "0"}

	next     = framework{"next", nextStart, ".next/BUILD_ID", "/_next/static/", "Ready"}
	nextauth = framework{"nextauth", nextStart, ".next/BUILD_ID", "/_next/static/", "Ready"}
	nuxt     = framework{"nuxt", []string{".output/server/index.mjs"}, ".output/server/index.mjs", "/_nuxt/", "http"}
)

// A world is a tab in front of a running application, the gate between them, and
// everybody else under localhost.
type world struct {
	*noticetest.World
	*noticetest.Visit
	*site
}

// A site is an application and what stands in front of it.
type site struct {
	framework
	app  http.Handler // the application alone
	door http.Handler // what the browser meets: its gate

	mu     sync.Mutex
	events []string // that the gate told
	closed map[string]chan struct{}
}

// start runs an application behind the gate of its site and opens a tab. More is added to
// the manifest.
func start(t *testing.T, f framework, more string) *world {
	t.Helper()
	if os.Getenv("TEMOIN_HYDRATION") == "" {
		t.Skip("applications of real frameworks are installed and built by: make hydration")
	}
	s := &site{framework: f, closed: map[string]chan struct{}{}}
	everybody := noticetest.Start(t, "site.localhost", s.serve)
	everybody.Prelude = prelude
	everybody.Answer("127.0.0.1", func(http.ResponseWriter, *http.Request) { s.pass("late") }) // the application itself
	t.Cleanup(func() { s.admit("scripts"); s.admit("late") })
	upstream := run(t, f, everybody.Port)
	s.app = gate.NewProxy(gate.ProxyConfig{Upstream: upstream})
	node, err := app.Open(t.Context(), app.Config{Store: t.TempDir(), Code: "test", Sites: []app.SiteConfig{{File: "site.yaml", Manifest: []byte(manifest + more)}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	s.door = node.Gate("site", app.GateConfig{Upstream: upstream, Counter: s}, s.app)
	w := &world{everybody, nil, s}
	return w.another(t)
}

// another opens a browser of its own in the same world.
func (w *world) another(t *testing.T) *world {
	t.Helper()
	return &world{w.World, w.Open(t, "/.temoin/state"), w.site}
}

var listening = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// run starts the server of an application and returns where it listens.
func run(t *testing.T, f framework, port string) *url.URL {
	t.Helper()
	dir := filepath.Join("testdata", f.name)
	if _, err := os.Stat(filepath.Join(dir, f.built)); err != nil {
		t.Fatalf("%s was not built: make hydration", dir)
	}
	others, late := "http://*.localhost:"+port, "http://127.0.0.1:"+port+"/late"
	node := exec.CommandContext(t.Context(), "node", f.program...)
	node.Dir = dir
	node.Env = append(os.Environ(), "NEXT_TELEMETRY_DISABLED=1", "NUXT_TELEMETRY_DISABLED=1", "HOST=127.0.0.1", "PORT=0",
		"OTHERS="+others, "GATE="+late, "NUXT_PUBLIC_OTHERS="+others, "NUXT_GATE="+late,
		"NEXTAUTH_URL=http://site.localhost:"+port, "NEXTAUTH_SECRET=of the tests")
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
		if at != nil && strings.Contains(lines.Text(), f.ready) {
			break
		}
	}
	if at == nil {
		t.Fatalf("the server of %s does not start", dir)
	}
	go io.Copy(io.Discard, out) //nolint:errcheck // so that it never waits
	return at
}

// serve answers for the site.
func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, s.scripts) {
		s.pass("scripts")
		w = unkept{w}
	}
	s.door.ServeHTTP(w, r)
}

// unkept is an answer that browsers ask for each time, so that a test can hold back each.
type unkept struct{ http.ResponseWriter }

// WriteHeader writes the header.
func (w unkept) WriteHeader(status int) {
	w.Header().Set("Cache-Control", "no-store")
	w.ResponseWriter.WriteHeader(status)
}

// Count keeps what the gate tells.
func (s *site) Count(e gate.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, string(e.What)+" "+e.Name)
}

// told reports whether the gate has told of something.
func (s *site) told(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.events, what)
}

// shut makes answers wait: "scripts" those of the framework, "late" what the
// application asks for while it writes a page.
func (s *site) shut(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed[what] = make(chan struct{})
}

func (s *site) admit(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.closed[what]; c != nil {
		close(c)
		delete(s.closed, what)
	}
}

func (s *site) pass(what string) {
	s.mu.Lock()
	c := s.closed[what]
	s.mu.Unlock()
	if c != nil {
		<-c
	}
}

// requests returns what others than the site were asked for since it was last called.
func (w *world) requests() []string {
	w.Take("127.0.0.1") // by the application
	list := w.Take("")
	slices.Sort(list)
	return list
}

// nothing fails the test where others were asked for something. That what is free
// arrives after all else shows that there was time.
func (w *world) nothing() {
	w.T.Helper()
	w.Run(`await fetch("http://free.localhost:$PORT/free.gif"); await new Promise(requestAnimationFrame)`)
	if got := w.requests(); !slices.Equal(got, []string{"free.localhost/free.gif"}) {
		w.T.Errorf("asked for were %q", got)
	}
}

// wait waits until all of these were asked for, each "host/path", and returns all that was.
func (w *world) wait(want ...string) []string {
	w.T.Helper()
	w.Wait(want...)
	return w.requests()
}

// prelude stands before each script: it names the parts.
const prelude = `
	const host = document.querySelector('temoin-notice'), root = host && host.shadowRoot
	const part = name => root && root.querySelector('[part~=' + name + ']')
	const press = name => part(name).click()
	const shown = e => !!e && e.checkVisibility()
	const hydrated = page => document.documentElement.dataset.hydrated == page
	const frame = title => document.querySelector('iframe[title=' + title + ']')
	const isHeld = e => !!e && new URL(e.attributes.src.value, location).pathname.startsWith('/.temoin/placeholder/') && e.dataset.temoin
	const waits = name => document.querySelector('[data-temoin-src$="/' + name + '"]')
	const ran = name => (window.log || []).filter(x => x == name).length;`

// holds fails the test where an expression does not hold now.
func (w *world) holds(expression string) {
	w.T.Helper()
	w.Is(expression, "return !!("+expression+")", "true")
}

// equals fails the test where an expression is not the JSON that is wanted.
func (w *world) equals(expression, want string) {
	w.T.Helper()
	w.Is(expression, "return "+expression, want)
}

// quiet fails the test where the page has complained.
func (w *world) quiet() {
	w.T.Helper()
	for _, m := range w.Messages() {
		if strings.Contains(m, "can escape its sandboxing") {
			continue // the page's own wish: the placeholder has the site's origin
		}
		w.T.Errorf("the page says %s", m)
	}
}

// visit opens a page without waiting for it to be loaded.
func (w *world) visit(path string) {
	w.T.Helper()
	w.Run(fmt.Sprintf("window.left = true; setTimeout(() => location.href = %q)", path))
	w.Until("!window.left && document.body")
}

// arrive opens a page and waits for the framework to take it over. Before that the
// notice is there already.
func (w *world) arrive(path, page string, noticed bool) {
	w.T.Helper()
	w.shut("scripts")
	w.visit(path)
	w.Until(`document.querySelector('temoin-notice') && document.querySelector('main h1')`)
	w.holds(`document.body.firstElementChild == host && !document.documentElement.dataset.hydrated`)
	w.holds(fmt.Sprintf(`shown(part('notice')) == %t`, noticed))
	w.Run(`window.first = host`)
	w.admit("scripts")
	w.Until(fmt.Sprintf(`hydrated(%q)`, page))
	w.kept(noticed)
}

// kept fails the test where the notice is not the node that it was, at its place.
func (w *world) kept(noticed bool) {
	w.T.Helper()
	w.holds(fmt.Sprintf(`host == first && document.body.firstElementChild == host && shown(part('notice')) == %t`, noticed))
}

// follow clicks a link of the application, which goes there without loading a document.
func (w *world) follow(path, page string) {
	w.T.Helper()
	w.Run(fmt.Sprintf(`window.same = true; document.querySelector('nav a[href="%s"]').click()`, path))
	w.Until(fmt.Sprintf(`hydrated(%q)`, page))
	w.holds(`window.same`)
}

// works fails the test where the page does nothing.
func (w *world) works() {
	w.T.Helper()
	w.Run(`document.querySelector('#clicks').click()`)
	w.Until(`document.querySelector('#clicks').textContent == '1 clicks'`)
}

// once fails the test where a script did not run once.
func (w *world) once(names ...string) {
	w.T.Helper()
	for _, name := range names {
		w.Until(fmt.Sprintf(`ran(%q)`, name))
	}
	w.Run(`for (let i = 0; i < 5; i++) await fetch("http://free.localhost:$PORT/free.gif")`)
	for _, name := range names {
		w.equals(fmt.Sprintf(`ran(%q)`, name), "1")
	}
}

// cookie returns what the browser keeps for the page under a name; nil for nothing.
func (w *world) cookie(name string) *network.Cookie {
	w.T.Helper()
	var found *network.Cookie
	w.Do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		got, err := cdp.Call(ctx, tab, network.GetCookies, network.GetCookiesParams{})
		if at := slices.IndexFunc(got.Cookies, func(c *network.Cookie) bool { return c.Name == name }); at >= 0 {
			found = got.Cookies[at]
		}
		return err
	}))
	return found
}
