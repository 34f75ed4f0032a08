package guardtest

import (
	"net/http"
	"strings"
	"testing"
)

// inertMarkup is markup as the server holds it, each line beside what it was.
var inertMarkup = [][2]string{
	{`<script type="text/plain" data-temoin="counter">(window.log ??= []).push("first")</script>`, `<script>(window.log ??= []).push("first")</script>`},
	{`<script type="text/plain" data-temoin="counter" data-temoin-type="module" data-temoin-src="http://www.analytics.localhost:$PORT/module.js"></script>`, `<script type="module" src="http://www.analytics.localhost:$PORT/module.js"></script>`},
	{`<script defer="" type="text/plain" data-temoin="counter" data-temoin-src="http://www.analytics.localhost:$PORT/defer.js"></script>`, `<script defer="" src="http://www.analytics.localhost:$PORT/defer.js"></script>`},
	{`<script async="" type="text/plain" data-temoin="counter" data-temoin-src="http://www.analytics.localhost:$PORT/async.js"></script>`, `<script async="" src="http://www.analytics.localhost:$PORT/async.js"></script>`},
	{`<script id="slow" crossorigin="anonymous" type="text/plain" data-temoin="counter" data-temoin-type="text/javascript" data-temoin-src="http://www.analytics.localhost:$PORT/slow.js"></script>`, `<script id="slow" crossorigin="anonymous" type="text/javascript" src="http://www.analytics.localhost:$PORT/slow.js"></script>`},
	{`<script type="text/plain" data-temoin="counter">log.push("after slow"); log.push(document.currentScript.id = "ran")</script>`, `<script id="ran">log.push("after slow"); log.push(document.currentScript.id = "ran")</script>`},
	{`<script type="text/plain" data-temoin="counter" data-temoin-src="http://missing.analytics.localhost:$PORT/missing"></script>`, `<script src="http://missing.analytics.localhost:$PORT/missing"></script>`},
	{`<script type="text/plain" data-temoin="counter">log.push("after missing")</script>`, `<script>log.push("after missing")</script>`},
	{`<iframe title="t" allow="fullscreen" loading="eager" referrerpolicy="origin" sandbox="allow-scripts" width="10" src="/.temoin/placeholder/counter?src=x" data-temoin="counter" data-temoin-src="http://www.analytics.localhost:$PORT/1.html"></iframe>`, `<iframe title="t" allow="fullscreen" loading="eager" referrerpolicy="origin" sandbox="allow-scripts" width="10" src="http://www.analytics.localhost:$PORT/1.html"></iframe>`},
	{`<iframe title="n" src="/.temoin/placeholder/counter?src=x" name="temoin-x-1" data-temoin="counter" data-temoin-name="" data-temoin-src="http://www.analytics.localhost:$PORT/2.html"></iframe>`, `<iframe title="n" src="http://www.analytics.localhost:$PORT/2.html"></iframe>`},
	{`<iframe title="p" src="/.temoin/placeholder/counter?src=x" name="temoin-x-2" data-temoin="counter" data-temoin-name="player" data-temoin-src="http://www.analytics.localhost:$PORT/3.html"></iframe>`, `<iframe title="p" name="player" src="http://www.analytics.localhost:$PORT/3.html"></iframe>`},
	{`<img alt="" data-temoin="counter" data-temoin-src="http://www.analytics.localhost:$PORT/1.gif" data-temoin-srcset="http://www.analytics.localhost:$PORT/2.gif 1x">`, `<img alt="" src="http://www.analytics.localhost:$PORT/1.gif" srcset="http://www.analytics.localhost:$PORT/2.gif 1x">`},
	{`<link href="http://www.analytics.localhost:$PORT/1.css" data-temoin="counter" data-temoin-rel="stylesheet">`, `<link href="http://www.analytics.localhost:$PORT/1.css" rel="stylesheet">`},
	{`<script type="text/plain" data-temoin="video">log.push("refused")</script>`, `<script type="text/plain" data-temoin="video">log.push("refused")</script>`},
}

// all joins one side of inertMarkup.
func all(side int) string {
	var b strings.Builder
	for _, m := range inertMarkup {
		b.WriteString(m[side])
	}
	return b.String()
}

// sorted compares elements without the order of their attributes.
const sorted = `const parsed = html => { const t = document.createElement("template"); Element.prototype.__lookupSetter__("innerHTML").call(t, html); return t.content };
	const sorted = root => [...root.children].map(e => [e.localName, ...e.getAttributeNames().sort().map(n => n + "=" + e.getAttribute(n)), e.textContent].join(" ")); `

func TestWhatTheServerHeldComesInItsOrderAfterTheChoice(t *testing.T) {
	w := start(t)
	w.Body = "<main id=main>" + all(0) + "</main>"
	open := w.gate("www.analytics.localhost/slow.js")
	v := w.Open(t, "/")
	v.Is("an inserted script", `const s = document.createElement("script"); s.src = "http://www.analytics.localhost:$PORT/inserted.js"; s.async = false; document.head.prepend(s)`, "")
	v.Is("nothing ran", `window.frame = document.querySelector("iframe"); window.before = history.length; return window.log`, "")
	w.held("www.analytics.localhost")
	w.Choose(v, "analytics")
	w.Wait("www.analytics.localhost/slow.js")
	v.Is("while the slow script loads", `await until("async.js"); return log`, `["first", "async.js"]`)
	w.held("missing.analytics.localhost")
	open()
	w.Wait("www.analytics.localhost/module.js", "www.analytics.localhost/1.html", "www.analytics.localhost/2.gif", "www.analytics.localhost/1.css")
	v.Is("order", `await until("defer.js"); await until("module.js"); return log`, `["first", "async.js", "slow.js", "after slow", "ran", "after missing", "inserted.js", "module.js", "defer.js"]`)
	v.Is("the elements are what they were", sorted+"const now = sorted(main), then = sorted(parsed(`"+strings.ReplaceAll(all(1), "</script>", `<\/script>`)+"`)); return now.filter((x, i) => x != then[i])", `[]`)
	v.Is("the frame is the same, and the tab has no further entry", `return [document.querySelector("iframe") === frame, history.length - before]`, `[true, 0]`)
	v.Is("ran", `return [...new Set(temoin.ran)]`, `["counter"]`)
	w.held("video.localhost")
}

func TestAChoiceIsFollowedByWhatScriptsInsertedAndWhatTheyInsertFromThenOn(t *testing.T) {
	w := start(t)
	v := w.Open(t, "/")
	v.Is("insert", `const make = (tag, to, set) => { const e = document.createElement(tag); Object.assign(e, set); to?.append(e); return e };
		window.make = make; window.loaded = [];
		const host = "http://video.localhost:$PORT";
		make("script", document.head, {src: host + "/1.js", onload: () => loaded.push("script")});
		window.detached = make("script", null, {src: host + "/detached.js"});
		window.away = make("iframe", null, {src: host + "/away.html", title: "away"});
		make("iframe", document.body, {src: host + "/1.html", width: 10});
		make("div", document.body, {innerHTML: '<p><iframe src="' + host + '/2.html"></iframe>'});
		make("div", document.body, {}).attachShadow({mode: "open"}).append(make("img", null, {src: host + "/shadow.gif"}));
		make("template", document.body, {innerHTML: '<img src="' + host + '/template.gif">'});
		new Image().src = host + "/measured-before-the-choice.gif";
		make("link", document.head, {href: host + "/rel-last.css", rel: "stylesheet"});
		make("script", document.head, {src: host + "/text.js", textContent: '{"a": 1}', type: "text/javascript"})`, "")
	w.Choose(v, "media")
	w.Wait("video.localhost/1.js", "video.localhost/1.html", "video.localhost/2.html", "video.localhost/shadow.gif", "video.localhost/text.js", "video.localhost/rel-last.css")
	v.Is("late", `await until("text.js"); document.head.append(detached); document.body.append(away); document.body.append(document.querySelector("template").content.cloneNode(true)); await until("detached.js"); return [loaded, temoin.ran.includes("video")]`, `[["script"], true]`)
	w.Wait("video.localhost/detached.js", "video.localhost/away.html", "video.localhost/template.gif")
	v.Is("from then on", `make("script", document.head, {src: "http://video.localhost:$PORT/then.js"}); make("script", document.head, {src: "http://www.analytics.localhost:$PORT/then.js"}); await fetch("http://video.localhost:$PORT/then.gif")`, "")
	w.Wait("video.localhost/then.js", "video.localhost/then.gif")
	w.Choose(v, "analytics")
	w.Wait("www.analytics.localhost/then.js")
	v.Is("refused again", `make("script", document.head, {src: "http://video.localhost:$PORT/again.js"}); make("script", document.head, {src: "http://www.analytics.localhost:$PORT/last.js"})`, "")
	w.Wait("www.analytics.localhost/last.js")
	for _, at := range w.Recorded() {
		if at == "video.localhost/again.js" || strings.Contains(at, "measured") {
			t.Errorf("%s was asked for", at)
		}
	}
	v.Quiet()
}

func TestAnAddressOfSeveralServicesIsFreeWhenOneOfThemIs(t *testing.T) {
	w := start(t)
	v := w.Open(t, "/")
	const insert = `const s = document.createElement("script"); s.src = "http://tags.localhost:$PORT/1.js"; document.head.append(s);`
	v.Is("insert", insert, "")
	w.Choose(v, "-tags")
	v.Is("nobody", insert, "")
	w.Choose(v, "media")
	w.Wait("tags.localhost/1.js")
	v.Is("ran", `await until("1.js"); return [...new Set(temoin.ran)]`, `["ads"]`)
}

func TestOneServiceIsUsedOnThisPageAlone(t *testing.T) {
	w := start(t)
	w.Body = `<iframe id=f data-temoin="map" data-temoin-src="http://map.localhost:$PORT/1.html" src="/.temoin/placeholder/map?src=http://map.localhost:$PORT/1.html"></iframe>`
	v := w.Open(t, "/")
	w.Choose(v, "media") // does not click
	v.Is("insert", `for (const host of ["map", "www.analytics"]) { const s = document.createElement("script"); s.src = "http://" + host + ".localhost:$PORT/1.js"; document.head.append(s) }`, "")
	v.Is("use", `temoin.use("map")`, "")
	w.Wait("map.localhost/1.js", "map.localhost/1.html")
	w.held("www.analytics.localhost")
	v.Is("ran, and nothing is kept", `return [[...new Set(temoin.ran)], temoin.choice]`, `[["map"], "analytics=0&counter=0&tags=0&media=1&ads=1&video=1"]`)
}

func TestAScriptThatTheBrowserDoesNotRunIsNotWaitedFor(t *testing.T) {
	w := start(t)
	w.First = `const timeout = setTimeout; window.setTimeout = (f, ms, ...a) => ms < 9000 ? timeout(f, ms, ...a) : 0` // nothing ends by waiting
	w.Body = `<script nomodule type="text/plain" data-temoin="counter" data-temoin-src="http://www.analytics.localhost:$PORT/old.js"></script><script type="text/plain" data-temoin="counter" data-temoin-src="http://www.analytics.localhost:$PORT/new.js"></script>`
	v := w.Open(t, "/")
	w.Choose(v, "analytics")
	v.Is("what ran", `await until("new.js"); return log`, `["new.js"]`)
}

func TestAScriptThatAnotherScriptRunsIsReleasedAndNotWaitedFor(t *testing.T) {
	w := start(t)
	w.First = `const timeout = setTimeout; window.setTimeout = (f, ms, ...a) => ms < 9000 ? timeout(f, ms, ...a) : 0;` + // nothing ends by waiting
		`window.log = []; addEventListener("ptupdate", () => { for (const s of document.querySelectorAll("[type='text/partytown']")) log.push(s.src.replace(/.*\//, "")); log.push("told"); window.onlog?.() })`
	w.Body = `<script type="text/plain" data-temoin="counter" data-temoin-type="text/partytown" data-temoin-src="http://www.analytics.localhost:$PORT/party.js"></script>
<script type="text/plain" data-temoin="counter" data-temoin-type="rocketlazyloadscript" data-temoin-src="http://www.analytics.localhost:$PORT/lazy.js"></script>
<script type="text/plain" data-temoin="counter" data-temoin-src="http://www.analytics.localhost:$PORT/new.js"></script>`
	v := w.Open(t, "/")
	w.Choose(v, "analytics")
	v.Is("what ran", `await until("told"); return log`, `["new.js", "party.js", "told"]`)
}

func TestWhereNothingCanBeReleasedThePageIsLoadedAgainOnce(t *testing.T) {
	w := start(t)
	w.Head = `<script>temoin.on("change", () => 0); addEventListener("load", () => { fetch("/loaded"); temoin.use("map"); })</script>`
	w.Whole = `<!DOCTYPE html><html lang=en><head>` + w.Head + `<title>page</title></head><body><main><h1>Page</h1></main></body></html>`
	w.Answer("/.temoin/release.js", func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "no", http.StatusServiceUnavailable) })
	w.Answer("/loaded", func(http.ResponseWriter, *http.Request) { w.Record("loaded") })
	v := w.Open(t, "/")
	v.Until(`performance.navigation.type == 1 && document.querySelector("temoin-notice").shadowRoot.querySelector("[part~=note]")`)
	if got := w.Take("loaded"); len(got) != 2 {
		t.Errorf("the page was loaded %d times", len(got))
	}
}

func TestTwoChoicesInOneMomentReleaseInOneOrder(t *testing.T) {
	w := start(t)
	w.Body = `<script type="text/plain" data-temoin="counter" data-temoin-src="http://www.analytics.localhost:$PORT/1.js"></script><script type="text/plain" data-temoin="video" data-temoin-src="http://video.localhost:$PORT/2.js"></script><script type="text/plain" data-temoin="counter">log.push("3"); onlog()</script>`
	open := w.gate("www.analytics.localhost/1.js")
	v := w.Open(t, "/")
	w.Choose(v, "analytics")
	w.Wait("www.analytics.localhost/1.js")
	w.Choose(v, "analytics media")
	v.Is("meanwhile", `await import(temoin.p + temoin.v.replace("centre", "release")); await fetch("/favicon.ico"); return document.querySelectorAll("[data-temoin-src]").length`, `1`)
	w.held("video.localhost")
	open()
	v.Is("order", `await until("3"); return log.filter(x => x != "2.js")`, `["1.js", "3"]`)
	w.Wait("video.localhost/2.js")
}
