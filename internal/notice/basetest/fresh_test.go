package basetest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/browsertest"
)

func TestAPageOutOfTheHTTPCacheIsLoadedAgainWhenItSaysMoreThanTheVisitor(t *testing.T) {
	s := start(t, func(s *site) { s.Cache = "public, max-age=600" })
	tab := browsertest.Open(t)
	s.open(tab, "/first")
	s.choose(tab, "analytics support")
	s.open(tab, "/a")
	s.fresh("/a")
	if got := s.ran(); len(got) == 0 {
		t.Fatalf("the tracker ran %q", got)
	}
	s.open(tab, "/b")
	s.fresh("/b")
	s.choose(tab, "support")
	s.asked()
	s.ran()
	browsertest.Evaluate[string](tab, "location.href = '/a'")
	s.until("/a", func(p shown) bool {
		return p.Path == "/a" && p.Made == "analytics=0&hotjar=0&google-analytics=0&support=1&intercom=1"
	})
	if got := s.ran(); len(got) != 0 {
		t.Errorf("the stale page ran the tracker: %q", got)
	}
	if got := s.asked(); len(got) != 1 {
		t.Errorf("the server was asked for %q", got)
	}
}

func TestAPageOfTheBackForwardCacheIsLoadedAgain(t *testing.T) {
	s := start(t)
	tab := browsertest.Open(t)
	s.open(tab, "/first")
	s.choose(tab, "analytics")
	s.open(tab, "/a")
	s.fresh("/a")
	s.open(tab, "/b")
	s.fresh("/b")
	s.choose(tab, "")
	browsertest.Evaluate[string](tab, "history.back(), ''")
	s.until("/a from the cache", func(p shown) bool { return p.Path == "/a" && p.Kept })
	s.until("/a again", func(p shown) bool {
		return p.Path == "/a" && !p.Kept && p.Made == "analytics=0&hotjar=0&google-analytics=0&support=0&intercom=0"
	})
}

func TestAPageOfTheBackForwardCacheThatIsStillRightStays(t *testing.T) {
	s := start(t)
	tab := browsertest.Open(t)
	s.open(tab, "/first")
	s.choose(tab, "analytics")
	s.open(tab, "/a")
	s.fresh("/a")
	s.open(tab, "/b")
	s.fresh("/b")
	s.asked()
	browsertest.Evaluate[string](tab, "history.back(), ''")
	s.until("/a", func(p shown) bool { return p.Path == "/a" && p.Kept })
	s.open(tab, "/c")
	s.fresh("/c")
	if got := fmt.Sprint(s.asked()); got != "[GET /c made for analytics=1&hotjar=1&google-analytics=1&support=0&intercom=0]" {
		t.Errorf("asked for %s", got)
	}
}

// worker is a service worker that keeps pages and answers with them.
func worker(how string) func(*site) {
	return func(s *site) {
		s.Extra = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/worker.js" {
				return false
			}
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprintf(w, `
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
				});`, how)
			return true
		}
	}
}

const install = `navigator.serviceWorker.register("/worker.js").then(() => navigator.serviceWorker.ready).then((r) =>
	navigator.serviceWorker.controller || new Promise((f) => navigator.serviceWorker.oncontrollerchange = f)).then(() => "")`

func TestAPageThatAServiceWorkerKeptIsLoadedPastIt(t *testing.T) {
	s := start(t, worker(""))
	tab := browsertest.Open(t)
	s.open(tab, "/first")
	s.choose(tab, "analytics")
	browsertest.Evaluate[string](tab, install)
	s.open(tab, "/a?x=1#h")
	s.fresh("/a")
	s.choose(tab, "")
	s.asked()
	s.ran()
	s.open(tab, "/b")
	s.fresh("/b")
	s.open(tab, "/a?x=1#h")
	s.until("/a", func(p shown) bool {
		return p.Path == "/a" && p.Made == "analytics=0&hotjar=0&google-analytics=0&support=0&intercom=0"
	})
	if got := s.ran(); len(got) != 0 {
		t.Errorf("the stale page ran the tracker: %q", got)
	}
	if got := browsertest.Evaluate[string](tab, "location.search"); !strings.HasPrefix(got, "?x=1&temoin=") {
		t.Errorf("the address has become %q", got)
	}
}

func TestAPageThatCannotBeHadFreshStaysAndNothingLoops(t *testing.T) {
	s := start(t, worker("ignoreSearch: true"))
	tab := browsertest.Open(t)
	s.open(tab, "/first")
	s.choose(tab, "analytics")
	browsertest.Evaluate[string](tab, install)
	s.open(tab, "/a")
	s.fresh("/a")
	s.choose(tab, "")
	s.asked()
	s.open(tab, "/a")
	s.until("/a", func(p shown) bool { return p.Path == "/a" && strings.HasPrefix(p.Made, "analytics=1") })
	// It is told, and has given up whatever wakes it: neither a reload nor another address.
	got := browsertest.Evaluate[string](tab, `(async () => {
		while (!window.cleaned) await fetch("/.temoin/none");
		window.here = 1;
		for (const e of ["visibilitychange", "prerenderingchange"]) document.dispatchEvent(new Event(e, {bubbles: true}));
		dispatchEvent(new PageTransitionEvent("pageshow"));
		for (let i = 0; i < 5; i++) await fetch("/.temoin/none");
		return [window.here, temoin.choice, window.cleaned].join(" ");
	})()`)
	if got != "1 analytics=0&hotjar=0&google-analytics=0&support=0&intercom=0 1" {
		t.Errorf("it was loaded again, or not told: %s", got)
	}
	if got := s.asked(); len(got) != 0 {
		t.Errorf("asked for %q", got)
	}
}

// ahead makes the browser have /b before it is gone to.
func (s *site) ahead(tab *browsertest.Tab, how string) {
	s.t.Helper()
	browsertest.Evaluate[string](tab, `document.head.append(Object.assign(document.createElement("script"), {type: "speculationrules",
		textContent: JSON.stringify({`+how+`: [{urls: ["/b"], eagerness: "immediate"}]})})), ""`)
	for path := range s.asks {
		if path == "/b" {
			break
		}
	}
}

func TestAPageFetchedAheadIsJudgedWhenItIsShown(t *testing.T) {
	for _, how := range []string{"prerender", "prefetch"} {
		t.Run(how, func(t *testing.T) {
			s := start(t)
			tab := browsertest.Open(t)
			s.open(tab, "/first")
			s.choose(tab, "analytics")
			s.open(tab, "/a")
			s.fresh("/a")
			s.ahead(tab, how)
			s.choose(tab, "")
			s.asked()
			s.ran()
			browsertest.Evaluate[string](tab, `location.href = "/b"`)
			s.until("/b", func(p shown) bool {
				return p.Path == "/b" && p.Made == "analytics=0&hotjar=0&google-analytics=0&support=0&intercom=0"
			})
			if got := s.ran(); len(got) != 0 {
				t.Errorf("the stale page ran the tracker: %q", got)
			}
			if got := fmt.Sprint(s.asked()); got != "[GET /b made for analytics=0&hotjar=0&google-analytics=0&support=0&intercom=0]" {
				t.Errorf("asked for %s", got)
			}
		})
	}
}

func TestAPageRenderedAheadIsToldWhenItIsActivated(t *testing.T) {
	s := start(t)
	tab := browsertest.Open(t)
	s.open(tab, "/a")
	s.fresh("/a")
	s.ahead(tab, "prerender")
	s.choose(tab, "analytics")
	s.asked()
	browsertest.Evaluate[string](tab, `location.href = "/b"`)
	s.until("/b", func(p shown) bool { return p.Path == "/b" && p.Made == "" })
	got := browsertest.Evaluate[string](tab, `new Promise((done) => { const look = () => (temoin.choice ? done(temoin.choice) : setTimeout(look, 5)); look(); })`)
	if !strings.HasPrefix(got, "analytics=1&") || len(s.asked()) > 0 {
		t.Errorf("%q", got)
	}
}

func TestAPageThatSleptIsLoadedAgainWhenItsCookieHasEnded(t *testing.T) {
	s := start(t)
	tab := browsertest.Open(t)
	s.open(tab, "/first")
	s.choose(tab, "analytics")
	s.open(tab, "/a")
	s.fresh("/a")
	s.choose(tab, "-")
	browsertest.Evaluate[string](tab, `document.dispatchEvent(new Event("visibilitychange", {bubbles: true})), ""`)
	s.until("/a", func(p shown) bool { return p.Path == "/a" && p.Made == "" })
}

func TestAChangeInOneTabReachesTheOthers(t *testing.T) {
	s := start(t)
	tab := browsertest.Open(t)
	s.open(tab, "/first")
	s.choose(tab, "")
	s.open(tab, "/a")
	s.fresh("/a")
	browsertest.Evaluate[string](tab, `(window.other = open("/b")), ""`)
	s.fresh("/b")
	// A grant there is told here, without a reload and without moving the focus.
	value := s.value("analytics")
	got := browsertest.Evaluate[string](tab, `new Promise((done) => {
		const o = window.other, seen = [];
		window.here = 1;
		field.focus();
		temoin.r = (x) => seen.push("released");
		temoin.on("change", (a) => { seen.push(a); setTimeout(() => done([here, document.activeElement.id, ...seen, temoin.allows("hotjar")].join(" "))); });
		o.document.cookie = "choice=`+value+`;path=/";
		o.temoin.s(`+s.now(value)+`);
	})`)
	if got != "1 field analytics=1&hotjar=1&google-analytics=1&support=0&intercom=0 released true" {
		t.Errorf("%q", got)
	}
	// A withdrawal there is left to what loses nothing typed.
	value = s.value("")
	got = browsertest.Evaluate[string](tab, `new Promise((done) => {
		const o = window.other;
		window.keep = true;
		Object.defineProperty(window, "cleaned", {set() { done(temoin.choice + " " + document.activeElement.id); }});
		o.document.cookie = "choice=`+value+`;path=/";
		o.temoin.s(`+s.now(value)+`);
	})`)
	if got != "analytics=0&hotjar=0&google-analytics=0&support=0&intercom=0 field" {
		t.Errorf("%q", got)
	}
}

func TestAPageMadeForNoChoiceIsToldOfOneAndStays(t *testing.T) {
	s := start(t, func(s *site) {
		s.Cache = "public, max-age=600"
		s.Head = `<script>temoin.on("change", (a) => (window.told = a)); temoin.r = () => (window.released = true);</script>`
	})
	tab := browsertest.Open(t)
	s.open(tab, "/a")
	s.fresh("/a")
	s.choose(tab, "analytics")
	s.open(tab, "/b")
	s.fresh("/b")
	s.asked()
	browsertest.Evaluate[string](tab, "location.href = '/a'")
	s.until("/a", func(p shown) bool { return p.Path == "/a" && p.Made == "" })
	if got := browsertest.Evaluate[string](tab, `new Promise((done) => { const look = () => (window.released ? done([told, released, window.cleaned].join(" ")) : setTimeout(look, 5)); look(); })`); got != "analytics=1&hotjar=1&google-analytics=1&support=0&intercom=0 true " {
		t.Errorf("%q", got)
	}
	if got := s.asked(); len(got) != 0 {
		t.Errorf("asked for %q", got)
	}
}
