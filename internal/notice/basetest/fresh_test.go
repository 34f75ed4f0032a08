package basetest

import (
	"fmt"
	"testing"

	"github.com/temoin/temoin/internal/notice/noticetest"
)

func TestAPageOutOfTheHTTPCacheIsLoadedAgainWhenItSaysMoreThanTheVisitor(t *testing.T) {
	s := start(t)
	s.Cache = "public, max-age=600"
	v := s.with("analytics support")
	s.visit(v, "/a")
	if got := s.Take("ran"); len(got) == 0 {
		t.Fatal("the tracker did not run")
	}
	s.visit(v, "/b")
	s.Keep(v, "support")
	s.Take("")
	v.Run("location.href = '/a'")
	s.until("/a", madeFor(support))
	s.ranNothing()
	s.wasAsked(asked("GET /a", support))
}

func TestAPageOfTheBackForwardCacheIsLoadedAgain(t *testing.T) {
	s := start(t)
	v := s.with("analytics")
	s.visit(v, "/a")
	s.visit(v, "/b")
	s.Keep(v, "")
	v.Run("history.back()")
	s.until("/a", kept)
	s.until("/a", func(p shown) bool { return !p.Kept && p.Made == refused })
}

func TestAPageOfTheBackForwardCacheThatIsStillRightStays(t *testing.T) {
	s := start(t)
	v := s.with("analytics")
	s.visit(v, "/a")
	s.visit(v, "/b")
	s.Take("")
	v.Run("history.back()")
	s.until("/a", kept)
	s.visit(v, "/c")
	s.wasAsked(asked("GET /c", analytics))
}

// worker is a service worker that keeps pages and answers with them.
const worker = `
	addEventListener("install", () => skipWaiting());
	addEventListener("activate", (e) => e.waitUntil(clients.claim()));
	addEventListener("fetch", (e) => {
		if (e.request.mode != "navigate") return;
		e.respondWith(caches.open("pages").then(async (c) => {
			const kept = await c.match(e.request, {%s});
			if (kept) return kept;
			const got = await fetch(e.request);
			await c.put(e.request, got.clone());
			return got;
		}));
	});`

// install gives the site of a visit its service worker, which matches addresses so.
func (s *site) install(v *noticetest.Visit, match string) {
	s.T.Helper()
	s.Script("/worker.js", fmt.Sprintf(worker, match))
	v.Run(`await navigator.serviceWorker.register("/worker.js");
		await navigator.serviceWorker.ready;
		if (!navigator.serviceWorker.controller) await new Promise((f) => navigator.serviceWorker.oncontrollerchange = f);`)
}

func TestAPageThatAServiceWorkerKeptIsLoadedPastIt(t *testing.T) {
	s := start(t)
	v := s.with("analytics")
	s.install(v, "")
	s.visit(v, "/a?x=1#h")
	s.Keep(v, "")
	s.Take("")
	s.visit(v, "/b")
	v.Go("/a?x=1#h")
	s.until("/a", madeFor(refused))
	s.ranNothing()
	v.Is("the address", `return location.search.replace(/[0-9]+$/, "TIME")`, `"?x=1&temoin=TIME"`)
}

func TestAPageThatCannotBeHadFreshStaysAndNothingLoops(t *testing.T) {
	s := start(t)
	v := s.with("analytics")
	s.install(v, "ignoreSearch: true")
	s.visit(v, "/a")
	s.Keep(v, "")
	s.Take("")
	v.Go("/a")
	s.until("/a", madeFor(analytics))
	// It is told, and has given up whatever wakes it: neither a reload nor another address.
	v.Is("it stays, is told, and cleans", `while (!window.cleaned) await fetch("/.temoin/none");
		window.here = 1;
		for (const e of ["visibilitychange", "prerenderingchange"]) document.dispatchEvent(new Event(e, {bubbles: true}));
		dispatchEvent(new PageTransitionEvent("pageshow"));
		for (let i = 0; i < 5; i++) await fetch("/.temoin/none");
		return [window.here, temoin.choice, window.cleaned]`, `[1, "`+refused+`", 1]`)
	s.wasAsked()
}

// ahead makes the browser have /b, made for a choice, before it is gone to.
func (s *site) ahead(v *noticetest.Visit, how, choice string) {
	s.T.Helper()
	v.Run(`document.head.append(Object.assign(document.createElement("script"), {type: "speculationrules",
		textContent: JSON.stringify({` + how + `: [{urls: ["/b"], eagerness: "immediate"}]})}))`)
	s.Wait(asked("GET /b", choice))
}

func TestAPageFetchedAheadIsJudgedWhenItIsShown(t *testing.T) {
	for _, how := range []string{"prerender", "prefetch"} {
		t.Run(how, func(t *testing.T) {
			s := start(t)
			v := s.with("analytics")
			s.visit(v, "/a")
			s.ahead(v, how, analytics)
			s.Keep(v, "")
			s.Take("")
			v.Run(`location.href = "/b"`)
			s.until("/b", madeFor(refused))
			s.ranNothing()
			s.wasAsked(asked("GET /b", refused))
		})
	}
}

func TestAPageThatSleptIsLoadedAgainWhenItsCookieHasEnded(t *testing.T) {
	s := start(t)
	v := s.with("analytics")
	s.visit(v, "/a")
	s.Keep(v, "-")
	v.Run(`document.dispatchEvent(new Event("visibilitychange", {bubbles: true}))`)
	s.until("/a", madeFor(""))
}

func TestAChangeInOneTabReachesTheOthers(t *testing.T) {
	s := start(t)
	v := s.with("")
	s.visit(v, "/a")
	v.Run(`window.other = open("/b")`)
	s.until("/b", fresh)
	// In the other tab a choice is made, of which the server says what holds now.
	there := func(words string) string {
		value := s.Value(words)
		return `other.document.cookie = "choice=` + value + `;path=/"; other.temoin.s(` + s.Now(value) + `);`
	}
	// A grant there is told here, without a reload and without moving the focus.
	v.Is("what a grant does", `window.here = 1;
		field.focus();
		const seen = [];
		temoin.use = (x) => seen.push("released");
		const told = new Promise((done) => temoin.on("change", (a) => { seen.push(a); setTimeout(done); }));
		`+there("analytics")+`
		await told;
		return [here, document.activeElement.id, ...seen, temoin.allows("hotjar")]`, `[1, "field", "`+analytics+`", "released", true]`)
	// A withdrawal there is left to what loses nothing typed.
	v.Is("what a withdrawal does", `window.keep = true;
		const cleaned = new Promise((done) => Object.defineProperty(window, "cleaned", {set: done}));
		`+there("")+`
		await cleaned;
		return [temoin.choice, document.activeElement.id]`, `["`+refused+`", "field"]`)
}

func TestAPageMadeForNoChoiceIsToldOfOneAndStays(t *testing.T) {
	s := start(t)
	s.Cache = "public, max-age=600"
	s.Head = `<script>temoin.on("change", (a) => (window.told = a)); temoin.use = () => (window.released = true);</script>`
	v := s.Open(t, "/a")
	s.until("/a", fresh)
	s.Keep(v, "analytics")
	s.visit(v, "/b")
	s.Take("")
	v.Run("location.href = '/a'")
	s.until("/a", madeFor(""))
	v.Until("window.released")
	v.Is("told, released, cleaned", `return [told, released, window.cleaned ?? 0]`, `["`+analytics+`", true, 0]`)
	s.wasAsked()
}
