package seal_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/notice/noticetest"
	"github.com/temoin/temoin/internal/seal"
	"github.com/temoin/temoin/policy"
)

const manifest = `temoin: 1
site: s
name: S
url: http://site.localhost
languages: [en]
choice: {cookie: choice, lasts: 6 months}
categories:
  needed: {exempt: true}
  analytics: {needs: consent}
  media: {needs: consent}
services:
  - {id: counter, name: Counter, category: analytics, hosts: ["*.analytics.localhost", cdn.localhost/count/]}
  - {id: video, name: Video, category: media, hosts: [video.localhost]}
  - {id: lib, name: Lib, category: needed, hosts: [lib.localhost], loads: always, because: {en: needed}}
trusted_hosts: [{host: images.localhost, because: {en: ours}}]
`

// A world is a site with a policy of its own behind a seal, and everybody else under
// localhost.
type world struct {
	*noticetest.Site
	seal *seal.Seal

	CSP        []string // of the site's pages; $PORT stands for the port
	Head, Body string
}

func start(t *testing.T, mode policy.Enforced, w *world) *world {
	t.Helper()
	site, err := policy.Parse("site.yaml", []byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	w.Site = noticetest.StartSite(t, manifest, w.page)
	o := seal.Options{Mode: mode}
	o.Scripts, o.Styles = w.Notice.Hashes()
	w.seal = seal.New(site, o)
	w.Prelude = `const root = () => document.querySelector("temoin-notice").shadowRoot, part = (name) => root().querySelector("[part~=" + name + "]"); `
	w.Answer("/.temoin/choice", w.choice)
	w.Answer("/.temoin/report", w.report)
	return w
}

func (w *world) page(rw http.ResponseWriter, r *http.Request, d consent.Decision, head string) {
	for _, p := range w.CSP {
		rw.Header().Add("Content-Security-Policy", w.Words.Replace(p))
	}
	w.seal.Apply(rw.Header(), &d, r.Host)
	fmt.Fprintf(rw, "<!DOCTYPE html><html lang=en><head>%s%s<title>page</title></head><body>%s%s</body></html>", head, w.Words.Replace(w.Head), w.Notice.In("en").Body(&d), w.Words.Replace(w.Body))
}

// choice says yes to everything.
func (w *world) choice(rw http.ResponseWriter, r *http.Request) {
	value := w.Value("analytics media")
	http.SetCookie(rw, &http.Cookie{Name: "choice", Value: value, Path: "/"})
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Record("form")
		http.Redirect(rw, r, "/back", http.StatusSeeOther)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	answers := strings.NewReplacer("choice:", `"choice":`, " i:", ` "i":`, " c:", ` "c":`).Replace(w.Now(value))
	if !json.Valid([]byte(answers)) {
		w.T.Errorf("the answer is %s", answers)
	}
	fmt.Fprint(rw, answers)
}

func (w *world) report(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, seal.MaxReport+1))
	if err != nil {
		w.T.Error(err)
	}
	list, err := w.seal.ParseReport(r.Header.Get("Content-Type"), body)
	if err != nil {
		w.T.Error(err)
	}
	for _, v := range list {
		w.Record(fmt.Sprintf("report %s %s %v", v.Directive, v.Host, v.Enforced))
	}
	rw.WriteHeader(http.StatusNoContent)
}

// asked fails the test where anybody but those was asked.
func (w *world) asked(want ...string) {
	w.T.Helper()
	slices.Sort(want)
	if got := w.Recorded(); !slices.Equal(got, want) {
		w.T.Errorf("recorded was\n%q, want\n%q", got, want)
	}
}

func TestTheNoticeWorksBesideAPolicyThatAllowsNothing(t *testing.T) {
	t.Parallel()
	for name, csp := range map[string]string{
		"a nonce": "default-src 'none'; script-src 'nonce-page' http://a.analytics.localhost:$PORT; style-src 'nonce-page'; img-src 'self'; form-action 'none'; frame-src 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
		"hosts":   "default-src 'self' *.analytics.localhost:$PORT; script-src 'self' 'nonce-page' *.analytics.localhost:$PORT; connect-src api.localhost; frame-src other.localhost",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := worksBeside(t, csp)
			v.Run(`temoin.open()`)
			v.Until(`part("centre").open`)
			v.Run(`part("centre").close(); part("accept").click()`)
			v.Until(`temoin.allows("counter")`)
			v.Until(`(window.log ?? []).includes("one.js")`)
			v.Quiet()
		})
	}
}

// Browsers let no script of the parser's import another one where a policy says
// 'strict-dynamic': what is loaded on use is not, and the pages below the prefix take its place.
func TestTheNoticeWorksBesideAPolicyOfStrictDynamic(t *testing.T) {
	t.Parallel()
	const csp = "default-src 'none'; script-src 'nonce-page' 'strict-dynamic' https: 'unsafe-inline'; img-src 'self'; trusted-types; require-trusted-types-for 'script'"
	v := worksBeside(t, csp)
	v.Run(`part("accept").click()`)
	v.Until(`temoin.allows("counter")`)
	v.Go("/again")
	v.Is("the next page knows it", `return temoin.allows("counter")`, "true")
	v.Run(`temoin.open()`)
	v.Until(`location.pathname == "/.temoin/"`)
}

// worksBeside opens a page with a policy, in which the notice is as it should be.
func worksBeside(t *testing.T, csp string) *noticetest.Visit {
	t.Helper()
	w := start(t, policy.EnforceOff, &world{CSP: []string{csp},
		Head: `<script nonce=page>window.own = true</script>`,
		Body: `<script type="text/plain" data-temoin="counter" data-temoin-src="http://a.analytics.localhost:$PORT/one.js"></script>
			<iframe src="/.temoin/placeholder/video?src=http://video.localhost:$PORT/v.html"></iframe>`,
	})
	v := w.Open(t, "/")
	v.Is("the site's own script runs", "return window.own", "true")
	v.Until(`frames[0].document.querySelector("form")`)
	v.Is("the notice has its style", `return getComputedStyle(part("actions")).display`, `"grid"`)
	return v
}

func TestTheNoticesFormIsSentWithoutScriptsBesideAPolicyThatAllowsNone(t *testing.T) {
	t.Parallel()
	w := start(t, policy.EnforceOff, &world{CSP: []string{"default-src 'none'; form-action 'none'"}})
	v := w.Open(t, "/")
	v.Run(`HTMLFormElement.prototype.submit.call(part("accept").form)`)
	v.Until(`location.pathname == "/back" && temoin.allows("counter")`)
	v.Quiet()
}

func TestTheSitesInlineScriptsRunAsBefore(t *testing.T) {
	t.Parallel()
	w := start(t, policy.EnforceBlock, &world{CSP: []string{"script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'", "default-src * 'unsafe-inline' data: blob:"},
		Head: `<script>window.own = true</script><style>title { color: rgb(1, 2, 3) }</style>`,
		Body: `<p id=p onclick="window.clicked = true" style="color: rgb(4, 5, 6)">`,
	})
	v := w.Open(t, "/")
	v.Run(`p.click()`)
	v.Is("inline", `return [own, clicked, getComputedStyle(p).color, getComputedStyle(document.querySelector("title")).color]`, `[true, true, "rgb(4, 5, 6)", "rgb(1, 2, 3)"]`)
	v.Run(`part("accept").click()`)
	v.Until(`temoin.allows("counter")`)
	v.Quiet()
}

func TestASealThatBlocksLetsThroughWhatIsAllowedAndNothingElse(t *testing.T) {
	t.Parallel()
	w := start(t, policy.EnforceBlock, &world{
		Head: `<script>
			var blocked = []
			document.addEventListener("securitypolicyviolation", (e) => { blocked.push(e.effectiveDirective + " " + e.blockedURI.replace(/:\d+/, "")); blocked.sort() })
			var load = (name, to, more) => new Promise((done) => { const e = document.createElement(name); e.onload = () => done("loaded"); e.onerror = () => done("failed"); Object.assign(e, more)[name == "link" ? "href" : "src"] = to; document.head.append(e) })
		</script>`,
		Body: `<iframe src="http://lib.localhost:$PORT/frame"></iframe><iframe id=gone src="http://spy.localhost:$PORT/frame.html"></iframe>`,
	})
	w.Answer("lib.localhost/frame", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprint(rw, w.Words.Replace(`<!DOCTYPE html><title>frame</title><img src="http://inner.localhost:$PORT/in.gif">`))
	})
	v := w.Open(t, "/")
	v.Is("what belongs to the page", `return [
		eval("1 + 1"),
		await load("img", "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=="),
		await new Promise((done) => { new Worker(URL.createObjectURL(new Blob(["postMessage(1)"]))).onmessage = () => done("worked") }),
		await load("script", "/.temoin/centre.js"),
	]`, `[2, "loaded", "worked", "loaded"]`)
	v.Is("what is allowed", `return [
		await load("script", "http://static.site.localhost:$PORT/own.js"), await load("script", "http://lib.localhost:$PORT/lib.js"),
		await load("img", "http://images.localhost:$PORT/i.gif"), await (await fetch("http://lib.localhost:$PORT/data.js")).status,
	]`, `["loaded", "loaded", "loaded", 200]`)
	v.Is("sockets, which nobody answers", `await Promise.all(["ws://site.localhost:$PORT", "wss://site.localhost:$PORT", "wss://lib.localhost:$PORT"].map((at) => new Promise((done) => new WebSocket(at).onerror = done)))
		return blocked.filter((b) => !b.startsWith("frame"))`, `[]`)
	v.Is("what is not", `return [
		await load("script", "http://spy.localhost:$PORT/s.js"), await load("img", "http://spy.localhost:$PORT/i.gif"), await load("link", "http://spy.localhost:$PORT/s.css", {rel: "stylesheet"}),
		await fetch("http://spy.localhost:$PORT/data").catch(() => "failed"), await load("script", "http://cdn.localhost:$PORT/other.js"),
		await new Promise((done) => { try { new WebSocket("wss://spy.localhost:$PORT/ws").onerror = () => done("failed") } catch { done("failed") } }),
		await new Promise((done) => { try { new Worker("http://spy.localhost:$PORT/w.js").onerror = () => done("failed") } catch { done("failed") } }),
	]`, `["failed", "failed", "failed", "failed", "failed", "failed", "failed"]`)
	v.Until(`blocked.includes("frame-src http://spy.localhost")`)
	w.Wait("inner.localhost/in.gif", "report img-src spy.localhost true", "report frame-src spy.localhost true")
	for _, at := range w.Recorded() {
		if strings.HasPrefix(at, "spy.") || strings.Contains(at, "analytics.localhost/") || at == "cdn.localhost/other.js" {
			t.Errorf("%s was asked for", at)
		}
	}

	w.Keep(v, "analytics")
	v.Go("/granted")
	v.Is("what is allowed now", `return [await load("script", "http://a.analytics.localhost:$PORT/a.js"), await load("script", "http://cdn.localhost:$PORT/count/c.js"), await load("script", "http://cdn.localhost:$PORT/other.js")]`,
		`["loaded", "loaded", "failed"]`)
}

func TestASealThatReportsStopsNothingAndTells(t *testing.T) {
	t.Parallel()
	w := start(t, policy.EnforceReport, &world{Body: `<img src="http://spy.localhost:$PORT/secret.gif?user=me"><img src="http://images.localhost:$PORT/i.gif">`})
	w.Open(t, "/")
	w.Wait("spy.localhost/secret.gif", "images.localhost/i.gif", "report img-src spy.localhost false")
	w.asked("images.localhost/i.gif", "report img-src spy.localhost false", "spy.localhost/secret.gif")
}

func TestAWorkerKeepsToThePolicyThatItCameWith(t *testing.T) {
	t.Parallel()
	w := start(t, policy.EnforceBlock, &world{})
	w.Answer("/worker.js", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/javascript")
		w.seal.Apply(rw.Header(), nil, r.Host)
		fmt.Fprint(rw, w.Words.Replace(`Promise.all(["http://spy.localhost:$PORT/w.js", "http://a.analytics.localhost:$PORT/w.js"].map((at) => fetch(at).then((r) => r.status, () => "failed"))).then(postMessage)`))
	})
	v := w.Open(t, "/")
	v.Is("a policy of whatever visitors may allow", `return await new Promise((done) => { new Worker("/worker.js").onmessage = (e) => done(e.data) })`, `["failed", 200]`)
}
