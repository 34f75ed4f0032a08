package guardtest

import (
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/browsertest"
)

// until waits in the page until the log says so.
const until = `const until = what => new Promise(done => { const look = () => { if ((window.log ?? []).includes(what)) done(); else window.onlog = look }; look() }); `

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
	{`<img alt="" data-temoin="counter" data-temoin-src="http://www.analytics.localhost:$PORT/1.gif" data-temoin-srcset="http://www.analytics.localhost:$PORT/2.gif 1x">`, `<img alt="" src="http://www.analytics.localhost:$PORT/1.gif" srcset="http://www.analytics.localhost:$PORT/2.gif 1x">`},
	{`<link href="http://www.analytics.localhost:$PORT/1.css" data-temoin="counter" data-temoin-rel="stylesheet">`, `<link href="http://www.analytics.localhost:$PORT/1.css" rel="stylesheet">`},
	{`<script type="text/plain" data-temoin="video">log.push("refused")</script>`, `<script type="text/plain" data-temoin="video">log.push("refused")</script>`},
}

func body() string {
	var b strings.Builder
	for _, m := range inertMarkup {
		b.WriteString(m[0])
	}
	return `<main id=main>` + b.String() + `</main>`
}

// sorted compares elements without the order of their attributes.
const sorted = `const parsed = html => { const t = document.createElement("template"); Element.prototype.__lookupSetter__("innerHTML").call(t, html); return t.content };
	const sorted = root => [...root.children].map(e => [e.localName, ...e.getAttributeNames().sort().map(n => n + "=" + e.getAttribute(n)), e.textContent].join(" ")); `

func TestWhatTheServerHeldComesInItsOrderAfterTheChoice(t *testing.T) {
	w := start(t)
	w.Body = body()
	open := w.gate("www.analytics.localhost/slow.js")
	tab := browsertest.Open(t)
	w.open(tab)
	w.is(tab, "an inserted script", `const s = document.createElement("script"); s.src = "http://www.analytics.localhost:$PORT/inserted.js"; s.async = false; document.head.prepend(s)`, "")
	w.is(tab, "nothing ran", `window.frame = document.querySelector("iframe"); window.before = history.length; return window.log`, "")
	w.held("www.analytics.localhost")
	w.choose(tab, "analytics")
	w.wait("www.analytics.localhost/slow.js")
	w.is(tab, "while the slow script loads", until+`await until("async.js"); return log`, `["first", "async.js"]`)
	w.held("missing.analytics.localhost")
	open()
	w.wait("www.analytics.localhost/module.js", "www.analytics.localhost/1.html", "www.analytics.localhost/2.gif", "www.analytics.localhost/1.css")
	w.is(tab, "order", until+`await until("defer.js"); await until("module.js"); return log`, `["first", "async.js", "slow.js", "after slow", "ran", "after missing", "inserted.js", "module.js", "defer.js"]`)
	var was strings.Builder
	for _, m := range inertMarkup {
		was.WriteString(m[1])
	}
	w.is(tab, "the elements are what they were", sorted+"const now = sorted(main), then = sorted(parsed(`"+strings.ReplaceAll(was.String(), "</script>", `<\/script>`)+"`)); return now.filter((x, i) => x != then[i])", `[]`)
	w.is(tab, "the frame is the same, and the tab has no further entry", `return [document.querySelector("iframe") === frame, history.length - before]`, `[true, 0]`)
	w.is(tab, "ran", `return [...new Set(temoin.ran)]`, `["counter"]`)
	w.held("video.localhost")
}

func TestAChoiceIsFollowedByWhatScriptsInsertedAndWhatTheyInsertFromThenOn(t *testing.T) {
	w := start(t)
	tab := browsertest.Open(t)
	w.open(tab)
	w.is(tab, "insert", `const make = (tag, to, set) => { const e = document.createElement(tag); Object.assign(e, set); to?.append(e); return e };
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
	w.choose(tab, "media")
	w.wait("video.localhost/1.js", "video.localhost/1.html", "video.localhost/2.html", "video.localhost/shadow.gif", "video.localhost/text.js", "video.localhost/rel-last.css")
	w.is(tab, "late", until+`await until("text.js"); document.head.append(detached); document.body.append(away); document.body.append(document.querySelector("template").content.cloneNode(true)); await until("detached.js"); return [loaded, temoin.ran.includes("video")]`, `[["script"], true]`)
	w.wait("video.localhost/detached.js", "video.localhost/away.html", "video.localhost/template.gif")
	w.is(tab, "from then on", `make("script", document.head, {src: "http://video.localhost:$PORT/then.js"}); make("script", document.head, {src: "http://www.analytics.localhost:$PORT/then.js"}); await fetch("http://video.localhost:$PORT/then.gif")`, "")
	w.wait("video.localhost/then.js", "video.localhost/then.gif")
	w.choose(tab, "analytics")
	w.wait("www.analytics.localhost/then.js")
	w.is(tab, "refused again", `make("script", document.head, {src: "http://video.localhost:$PORT/again.js"}); make("script", document.head, {src: "http://www.analytics.localhost:$PORT/last.js"})`, "")
	w.wait("www.analytics.localhost/last.js")
	for _, at := range w.requests() {
		if at == "video.localhost/again.js" || strings.Contains(at, "measured") {
			t.Errorf("%s was asked for", at)
		}
	}
	quiet(t, tab)
}

func TestAnAddressOfSeveralServicesIsFreeWhenOneOfThemIs(t *testing.T) {
	w := start(t)
	tab := browsertest.Open(t)
	w.open(tab)
	const insert = `const s = document.createElement("script"); s.src = "http://tags.localhost:$PORT/1.js"; document.head.append(s);`
	w.is(tab, "insert", insert, "")
	w.choose(tab, "-tags")
	w.is(tab, "nobody", insert, "")
	w.choose(tab, "media")
	w.wait("tags.localhost/1.js")
	w.is(tab, "ran", until+`await until("1.js"); return [...new Set(temoin.ran)]`, `["ads"]`)
}

func TestOneServiceIsUsedOnThisPageAlone(t *testing.T) {
	w := start(t)
	w.Body = `<iframe id=f data-temoin="map" data-temoin-src="http://map.localhost:$PORT/1.html" src="/.temoin/placeholder/map?src=http://map.localhost:$PORT/1.html"></iframe>`
	tab := browsertest.Open(t)
	w.open(tab)
	w.choose(tab, "media") // does not click
	w.is(tab, "insert", `for (const host of ["map", "www.analytics"]) { const s = document.createElement("script"); s.src = "http://" + host + ".localhost:$PORT/1.js"; document.head.append(s) }`, "")
	w.is(tab, "use", `temoin.use("map")`, "")
	w.wait("map.localhost/1.js", "map.localhost/1.html")
	w.held("www.analytics.localhost")
	w.is(tab, "ran, and nothing is kept", `return [[...new Set(temoin.ran)], temoin.choice]`, `[["map"], "analytics=0&counter=0&tags=0&media=1&ads=1&video=1"]`)
}

func TestTwoChoicesInOneMomentReleaseInOneOrder(t *testing.T) {
	w := start(t)
	w.Body = `<script type="text/plain" data-temoin="counter" data-temoin-src="http://www.analytics.localhost:$PORT/1.js"></script><script type="text/plain" data-temoin="video" data-temoin-src="http://video.localhost:$PORT/2.js"></script><script type="text/plain" data-temoin="counter">log.push("3"); onlog()</script>`
	open := w.gate("www.analytics.localhost/1.js")
	tab := browsertest.Open(t)
	w.open(tab)
	w.choose(tab, "analytics")
	w.wait("www.analytics.localhost/1.js")
	w.choose(tab, "analytics media")
	w.is(tab, "meanwhile", `await import(temoin.v.replace("centre", "release")); await fetch("/favicon.ico"); return document.querySelectorAll("[data-temoin-src]").length`, `1`)
	w.held("video.localhost")
	open()
	w.is(tab, "order", until+`await until("3"); return log.filter(x => x != "2.js")`, `["1.js", "3"]`)
	w.wait("video.localhost/2.js")
}
