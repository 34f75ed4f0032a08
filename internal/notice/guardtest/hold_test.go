package guardtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/notice/noticetest"
)

// ways are how a script makes a browser ask for something. Each is a function of the
// host; the path says which way it was.
var ways = map[string]string{
	"script":             `const s = document.createElement("script"); s.src = "http://" + host + "/script.js"; document.head.append(s)`,
	"script-attribute":   `const s = document.createElement("script"); s.setAttribute("src", "//" + host + "/script-attribute.js"); document.head.append(s)`,
	"script-late":        `const s = document.createElement("script"); document.head.append(s); s.src = "http://" + host + "/script-late.js"`,
	"script-type-after":  `const s = document.createElement("script"); s.src = "http://" + host + "/script-type-after.js"; s.type = "text/javascript"; document.head.append(s)`,
	"script-module":      `const s = document.createElement("script"); s.type = "module"; s.src = "http://" + host + "/script-module.js"; document.head.append(s)`,
	"script-text":        `const s = document.createElement("script"); s.src = "http://" + host + "/script-text.js"; s.textContent = '{"a": 1}'; document.head.append(s)`,
	"script-clone":       `const s = document.createElement("script"); s.src = "http://" + host + "/script-clone.js"; document.head.append(s.cloneNode(true))`,
	"iframe":             `const f = document.createElement("iframe"); f.src = "http://" + host + "/iframe.html"; document.body.append(f)`,
	"iframe-attribute":   `const f = document.createElement("iframe"); f.setAttribute("src", "http://" + host + "/iframe-attribute.html"); document.body.append(f)`,
	"iframe-later":       `const f = document.createElement("iframe"); document.body.append(f); f.src = "http://" + host + "/iframe-later.html"`,
	"image":              `new Image().src = "http://" + host + "/image.gif"`,
	"image-attribute":    `document.createElement("img").setAttribute("src", "http://" + host + "/image-attribute.gif")`,
	"image-srcset":       `const i = new Image(); i.srcset = "/none.gif 9x,http://" + host + "/image-srcset.gif 1x"; document.body.append(i)`,
	"picture":            `const p = document.createElement("picture"), s = document.createElement("source"), i = new Image(); s.srcset = "http://" + host + "/picture.gif"; p.append(s, i); i.src = "/none.gif"; document.body.append(p)`,
	"style":              `const l = document.createElement("link"); l.rel = "stylesheet"; l.href = "http://" + host + "/style.css"; document.head.append(l)`,
	"style-rel-last":     `const l = document.createElement("link"); l.href = "http://" + host + "/style-rel-last.css"; document.head.append(l); l.rel = "stylesheet"`,
	"style-attribute":    `const l = document.createElement("link"); l.setAttribute("rel", "stylesheet"); l.setAttribute("href", "http://" + host + "/style-attribute.css"); document.head.append(l)`,
	"style-rel-set":      `const l = document.createElement("link"); l.setAttribute("href", "http://" + host + "/style-rel-set.css"); l.setAttribute("rel", "stylesheet"); document.head.append(l)`,
	"audio":              `const a = document.createElement("audio"); a.preload = "auto"; a.src = "http://" + host + "/audio.mp3"; document.body.append(a)`,
	"video-source":       `const v = document.createElement("video"), s = document.createElement("source"); v.preload = "auto"; s.src = "http://" + host + "/video-source.mp4"; s.type = "video/mp4"; v.append(s); document.body.append(v)`,
	"markup-image":       `const d = document.createElement("div"); d.innerHTML = '<p>text <img alt="a>b" src="http://' + host + '/markup-image.gif">'; document.body.append(d)`,
	"markup-iframe":      `const d = document.createElement("div"); document.body.append(d); d.innerHTML = '<div><iframe src="http://' + host + '/markup-iframe.html"></iframe></div>'`,
	"markup-table":       `const d = document.createElement("table"); document.body.append(d); d.innerHTML = '<tr><td><iframe src="//' + host + '/markup-table.html"></iframe>'`,
	"markup-link":        `const d = document.createElement("div"); document.body.append(d); d.innerHTML = '<link rel=stylesheet href="http://' + host + '/markup-link.css">'`,
	"template":           `const t = document.createElement("template"); t.innerHTML = '<iframe src="http://' + host + '/template.html"></iframe>'; document.body.append(t.content.cloneNode(true))`,
	"fetch":              `await fetch("http://" + host + "/fetch.gif").catch(() => {})`,
	"fetch-request":      `await fetch(new Request("http://" + host + "/fetch-request.gif", {method: "POST", body: "x"})).catch(() => {})`,
	"fetch-url":          `await fetch(new URL("http://" + host + "/fetch-url.gif"), {keepalive: true}).catch(() => {})`,
	"xhr":                `const x = new XMLHttpRequest(); x.open("GET", "http://" + host + "/xhr.gif"); await new Promise(done => { x.onloadend = done; x.send() })`,
	"markup-form":        `const f = document.createElement("form"); f.innerHTML = '<input name=content><input name=localName>'; document.body.append(f); f.innerHTML = '<input name=content><iframe src="http://' + host + '/markup-form.html"></iframe>'; if (f.elements.length != 1 || !f.querySelector("iframe")) throw new Error(f.outerHTML)`,
	"beacon":             `navigator.sendBeacon("http://" + host + "/beacon.gif", "x")`,
	"event-source":       `const e = new EventSource("http://" + host + "/event-source.gif"); await new Promise(done => e.onerror = done); e.close()`,
	"web-socket":         `const s = new WebSocket("ws://" + host + "/web-socket.gif"); await new Promise(done => s.onclose = done)`,
	"capitals-and-a-dot": `new Image().src = "HTTP://" + host.toUpperCase().replace(/:/, ".:") + "/capitals-and-a-dot.gif"`,
}

// insert goes one of the ways with a host that is held, and with one that nobody holds:
// that it arrives shows that the way works, and that there was time for the other.
func insert(v *noticetest.Visit, name string) {
	for _, host := range []string{"www.analytics.localhost", "free.localhost"} {
		v.Is(name, fmt.Sprintf(`const host = "%s:$PORT"; %s;`, host, ways[name]), "")
	}
}

func TestNothingThatAScriptInsertsOrAsksForReachesAHeldService(t *testing.T) {
	w := start(t)
	v := w.Open(t, "/")
	var free []string
	for name, way := range ways {
		insert(v, name)
		free = append(free, "free.localhost"+regexp.MustCompile("/"+name+`\.\w+`).FindString(way))
	}
	w.Wait(free...)
	w.held("www.analytics.localhost")
}

func TestAHeldElementShowsWhatItIsAndReadsAsThePageWroteIt(t *testing.T) {
	w := start(t)
	v := w.Open(t, "/")
	const host = `const host = "http://www.analytics.localhost:$PORT";`
	v.Is("script", host+`const s = document.createElement("script"); s.type = "module"; s.src = host + "/a.js"; s.id = "x"; document.head.append(s);
		return [s.src, s.type, s.outerHTML]`,
		`["http://www.analytics.localhost:$PORT/a.js", "module", "<script type=\"text/plain\" data-temoin-type=\"module\" data-temoin=\"counter\" data-temoin-src=\"http://www.analytics.localhost:$PORT/a.js\" id=\"x\"></script>"]`)
	v.Is("iframe", host+`const f = document.createElement("iframe"); f.title = "t"; f.src = host + "/a.html?b=c&d"; document.body.append(f);
		await new Promise(done => f.onload = done);
		return [f.src, f.title, f.attributes.src.value, f.dataset.temoin, f.dataset.temoinSrc, f.contentDocument.documentElement.lang]`,
		`["http://www.analytics.localhost:$PORT/a.html?b=c&d", "t", "http://site.localhost:$PORT/.temoin/placeholder/counter?lang=en&src=http%3A%2F%2Fwww.analytics.localhost%3A$PORT%2Fa.html%3Fb%3Dc%26d", "counter", "http://www.analytics.localhost:$PORT/a.html?b=c&d", "en"]`)
	v.Is("image", host+`const i = new Image(); i.srcset = host + "/a.gif 2x"; i.src = host + "/a.gif"; i.alt = "a"; return [i.src, i.srcset, i.outerHTML]`,
		`["http://www.analytics.localhost:$PORT/a.gif", "http://www.analytics.localhost:$PORT/a.gif 2x", "<img data-temoin=\"counter\" data-temoin-srcset=\"http://www.analytics.localhost:$PORT/a.gif 2x\" data-temoin-src=\"http://www.analytics.localhost:$PORT/a.gif\" alt=\"a\">"]`)
	v.Is("link", host+`const l = document.createElement("link"); l.rel = "preload"; l.as = "script"; l.href = host + "/a.js"; document.head.append(l); return [l.rel, l.href, l.dataset.temoinRel]`,
		`["preload", "http://www.analytics.localhost:$PORT/a.js", "preload"]`)
	v.Is("what was held and is something else now", host+`const i = new Image(); i.src = host + "/a.gif"; i.src = "data:,"; const f = document.createElement("iframe"); f.src = host; f.src = "about:blank"; return [i.getAttribute("src"), i.dataset.temoinSrc, f.src, f.dataset.temoinSrc]`,
		`["data:,", null, "about:blank", null]`)
	v.Is("several", `const s = document.createElement("script"); s.src = "http://tags.localhost:$PORT/a.js"; return s.dataset.temoin`, `"tags ads"`)
	w.held("www.analytics.localhost", "tags.localhost")
	v.Quiet()
}

func TestWhatTheGuardDoesNotHoldIsUntouched(t *testing.T) {
	w := start(t)
	v := w.Open(t, "/")
	v.Is("elements", `const d = document.createElement("div");
		d.innerHTML = '<a href="http://video.localhost/">x</a><svg viewBox="0 0 1 1"><path d="M0 0,1 1"></path></svg><img alt="" src="http://free.localhost:$PORT/1.gif"><style>@import "//video.localhost/"</style>';
		const a = document.createElement("a"); a.setAttribute("href", "http://video.localhost/"); a.rel = "x";
		const f = document.createElement("iframe"); f.src = "http://files.video.localhost:$PORT/1.html";
		const t = document.createElement("textarea"); t.innerHTML = '<img src="http://video.localhost/">';
		const p = document.createElement("img"); p.src = "http://cdn.localhost:$PORT/counts/1.gif";
		return [d.innerHTML, a.outerHTML, f.outerHTML, t.value, p.outerHTML]`,
		`["<a href=\"http://video.localhost/\">x</a><svg viewBox=\"0 0 1 1\"><path d=\"M0 0,1 1\"></path></svg><img alt=\"\" src=\"http://free.localhost:$PORT/1.gif\"><style>@import \"//video.localhost/\"</style>",
		"<a href=\"http://video.localhost/\" rel=\"x\"></a>", "<iframe src=\"http://files.video.localhost:$PORT/1.html\"></iframe>", "<img src=\"http://video.localhost/\">", "<img src=\"http://cdn.localhost:$PORT/counts/1.gif\">"]`)
	v.Is("natives", `return [fetch.name, fetch.length, String(fetch).includes("native code"), WebSocket.OPEN, new WebSocket("ws://free.localhost:$PORT") instanceof WebSocket,
		(class extends EventSource {}).name, Object.keys(Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src")).join()]`,
		`["fetch", 1, true, 1, true, "", "get,set,enumerable,configurable"]`)
}

func TestThePageGetsTheErrorsThatItWouldGetWithoutTheGuard(t *testing.T) {
	errors := func(noGuard bool) string {
		w := start(t)
		w.NoGuard = noGuard
		v := w.Open(t, "/")
		return v.Run(`const seen = []; for (const f of [() => document.body.setAttribute("a"), () => document.body.setAttribute("a b", ""), () => new WebSocket("http://["), () => new XMLHttpRequest().open("GET", "http://["),
			() => { new Image().srcset = null }, () => { new Image().src = undefined }, () => { new Image().src = Symbol() }, () => Element.prototype.setAttribute.call({}, "src", "x"), () => { document.createElement("iframe").src = "http://[" },
			() => { document.createElement("p").innerHTML = null }, () => { document.createElement("p").innerHTML = Symbol() }, () => fetch(), () => navigator.sendBeacon(), () => WebSocket("ws://a"), () => new Worker()]) try { const v = f(); seen.push(v instanceof Promise ? await v.catch(e => e.name) : v) } catch (e) { seen.push(e.name) } return seen`)
	}
	without, with := errors(true), errors(false)
	if without != with || strings.Count(without, "TypeError") < 5 {
		t.Errorf("with the guard %s, without %s", with, without)
	}
}

func TestRequestsToAHeldServiceFailAsIfTheNetworkDid(t *testing.T) {
	w := start(t)
	v := w.Open(t, "/")
	const u = `const u = "http://video.localhost:$PORT/x"; `
	v.Is("fetch", u+`return await fetch(u, {method: "POST", body: "b", mode: "no-cors"}).catch(e => e.constructor == TypeError)`, `true`)
	v.Is("XMLHttpRequest", u+`const x = new XMLHttpRequest(), seen = []; for (const e of ["readystatechange", "error", "load", "loadend"]) x.addEventListener(e, () => seen.push(e + x.readyState)); x.open("POST", u); x.setRequestHeader("X-A", "b"); await new Promise(done => { x.onloadend = done; x.send("b"); seen.push("sent") }); return [x.status, ...seen]`,
		`[0, "readystatechange1", "sent", "readystatechange4", "error4", "loadend4"]`)
	v.Is("beacon", u+`return navigator.sendBeacon(u, "b")`, `true`)
	v.Is("WebSocket", `const s = new WebSocket("ws://video.localhost:$PORT/x"), seen = []; s.onerror = () => seen.push("error"); await new Promise(done => s.onclose = done); return [s.readyState, ...seen]`, `[3, "error"]`)
	v.Is("EventSource", u+`const s = new EventSource(u); await new Promise(done => s.onerror = done); return s.readyState`, `2`)
	v.Is("a body that looks like an address", u+`return [await fetch("/", {method: "POST", body: u}).then(r => r.status), navigator.sendBeacon("/", u)]`, `[200, true]`)
	w.held("video.localhost")
}

// Prototype.js and others put their own things in the place of what browsers have.
func TestScriptsThatChangeTheBrowsersOwnMethodsLaterDoNotBlindTheGuard(t *testing.T) {
	w := start(t)
	w.Head = `<script>
		const broken = () => { throw new Error("not the browser's own"); };
		for (const m of ["getAttribute", "removeAttribute", "hasAttribute", "getAttributeNames", "insertAdjacentHTML"]) Element.prototype[m] = broken;
		const set = Element.prototype.setAttribute; Element.prototype.setAttribute = function (n, v) { return set.call(this, n, v) };
		Array.prototype.find = function (f) { for (let i = 0; i < this.length; i++) if (f(this[i], i)) return this[i] };
		Object.prototype.counter = Object.prototype.video = Object.prototype.h = "inherited";
		navigator.userAgent; // from here on its methods are seen to
		window.send = () => {};
		window.URL = window.Reflect = window.Proxy = undefined; Object.defineProperty = Object.getOwnPropertyDescriptor = JSON.parse = broken;
	</script>`
	v := w.Open(t, "/")
	for _, name := range []string{"script", "script-attribute", "iframe", "image", "style", "markup-iframe", "fetch", "beacon"} {
		insert(v, name)
	}
	w.Wait("free.localhost/script.js", "free.localhost/script-attribute.js", "free.localhost/iframe.html", "free.localhost/image.gif", "free.localhost/style.css", "free.localhost/markup-iframe.html", "free.localhost/fetch.gif", "free.localhost/beacon.gif")
	w.held("www.analytics.localhost")
}

func TestWhereCookiesCannotBeReadOrTabsNotToldTheGuardHoldsAllTheSame(t *testing.T) {
	for name, first := range map[string]string{
		"a frame in a sandbox": `Object.defineProperty(document, "cookie", {get() { throw new DOMException("sandboxed", "SecurityError") }})`,
		"an old browser":       `delete window.BroadcastChannel`,
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.First = first
			v := w.Open(t, "/")
			for _, way := range []string{"script", "fetch"} {
				insert(v, way)
			}
			v.Is("the page's own script", `return document.querySelectorAll("script[data-choice]").length`, "0")
			w.Wait("free.localhost/script.js", "free.localhost/fetch.gif")
			w.held("www.analytics.localhost")
		})
	}
}

func TestABeaconIsHeldWhicheverNameTheBrowserIsAskedUnder(t *testing.T) {
	for _, name := range []string{"navigator", "clientInformation"} {
		w := start(t)
		w.Head = `<script>for (const host of ["www.analytics.localhost", "free.localhost"]) ` + name + `.sendBeacon("http://" + host + ":$PORT/beacon.gif")</script>`
		w.Open(t, "/")
		w.Wait("free.localhost/beacon.gif")
		w.held("www.analytics.localhost")
	}
}

func TestABaseOfThePageLeadsNothingOfOursElsewhere(t *testing.T) {
	w := start(t)
	w.Whole = w.Words.Replace(`<!DOCTYPE html><html lang=en><head><base href="http://other.localhost:$PORT/"><title>page</title></head><body><main><h1>Page</h1></main></body></html>`)
	value := w.Value("media")
	w.Answer("/.temoin/choice", func(rw http.ResponseWriter, _ *http.Request) {
		w.Record("a choice")
		fmt.Fprintf(rw, `{"choice": "media=1&video=1", "i": %q, "c": "1"}`, consent.Mark(value))
	})
	v := w.Open(t, "/")
	v.Is("placeholder", `const f = document.createElement("iframe"); f.src = "http://video.localhost:$PORT/1.html"; document.body.append(f); await new Promise(done => f.onload = done); return f.contentDocument.documentElement.lang`, `"en"`)
	v.Run(`document.querySelector("temoin-notice").shadowRoot.querySelector("[part~=accept]").click()`)
	w.Wait("a choice", "video.localhost/1.html")
	v.Run(`temoin.open()`)
	v.Until(`document.querySelector("temoin-notice").shadowRoot.querySelector("dialog[part~=centre][open]")`)
	v.Is("links of the centre", `return [...document.querySelector("temoin-notice").shadowRoot.querySelectorAll("[part~=centre] :is(a[href*='temoin'],form[action])")].every(e => (e.getAttribute("action") ?? e.href).startsWith("http://site.localhost"))`, "true")
	for _, at := range w.Recorded() {
		if strings.HasPrefix(at, "other.localhost/.temoin") {
			t.Errorf("%s was asked for", at)
		}
	}
}

func TestAPageThatHasLostWhatTheServerSaidIsLeftAlone(t *testing.T) {
	w := start(t)
	w.Lost = true
	w.Body = `<script id=s type="text/plain" data-temoin="counter" data-temoin-src="http://www.analytics.localhost:$PORT/1.js"></script>`
	v := w.Open(t, "/")
	w.Choose(v, "analytics")
	v.Is("page", `temoin.use("counter"); const i = new Image(); i.src = "/x.gif"; return [s.type, i.getAttribute("src"), String(Element.prototype.setAttribute).includes("native code")]`, `["text/plain", "/x.gif", true]`)
	w.held("www.analytics.localhost")
}

func TestTheGuardCostsLittle(t *testing.T) {
	const insert = `const began = performance.now();
		for (let i = 0; i < 1000; i++) {
			const p = document.createElement("p"); p.id = "p" + i; p.className = "c"; p.setAttribute("title", "t" + i); p.setAttribute("data-i", i); p.setAttribute("aria-label", "l");
			const a = document.createElement("a"); a.setAttribute("href", "/page/" + i); a.textContent = "text"; p.append(a);
			if (i % 10 == 0) { const m = document.createElement("img"); m.src = "data:image/gif;base64,R0lGODlhAQABAAAAACw="; m.setAttribute("alt", ""); p.append(m) }
			const s = document.createElement("span"); s.innerHTML = "<b>bold</b> <i>text</i>"; p.append(s);
			main.append(p);
		}
		const took = performance.now() - began; main.textContent = ""; return took`
	cost := func(noGuard bool) float64 {
		w := start(t)
		w.NoGuard, w.Body = noGuard, "<div id=main></div>"
		v := w.Open(t, "/")
		var least float64
		got := v.Run(`const all = []; for (let k = 0; k < 15; k++) all.push(await (async () => {` + insert + `})()); return Math.min(...all)`)
		if err := json.Unmarshal([]byte(got), &least); err != nil {
			t.Fatal(got)
		}
		return least
	}
	without, with := cost(true), cost(false)
	t.Logf("1 000 paragraphs with links, texts and 100 images: %.2f ms without the guard, %.2f ms with it, ratio %.2f", without, with, with/without)
	if with > 8*without+5 { // far above what it is: other work on the machine must not decide
		t.Errorf("the guard makes insertion %.1f times as slow", with/without)
	}
}
