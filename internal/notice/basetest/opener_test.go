package basetest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// openers are the ways to the preference centre, in the page and in our shadow root.
const openers = `
	document.body.insertAdjacentHTML("beforeend", '<a id=a href="/.temoin/"><b id=inner>Cookies</b></a><button id=b data-temoin-open>Cookies</button><a id=c href="/.temoin/policy">Policy</a>');
	const root = document.querySelector("temoin-notice").attachShadow({mode: "open"});
	root.innerHTML = '<a href="/.temoin/">Cookies</a>';
	const shadow = root.firstChild;
	// What the page does with a click that is left to the browser.
	window.left = [];
	addEventListener("click", (e) => { if (!e.defaultPrevented) { left.push(e.composedPath()[0].id || "shadow"); e.preventDefault(); } });
	const click = (el, how) => el.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true, composed: true, ...how}));
	const opened = async () => { await import(temoin.p + temoin.v); await fetch("/.temoin/none"); return window.opened || 0; };`

func TestEachWayToThePreferenceCentreOpensItInThePage(t *testing.T) {
	s := start(t)
	v := s.Open(t, "/a")
	v.Is("opened, left", openers+`click(a); click(inner); click(b); click(shadow); temoin.open();
		return [await opened(), left]`, `[5, []]`)
}

func TestAClickThatMeansSomethingElseIsLeftToTheBrowser(t *testing.T) {
	s := start(t)
	v := s.Open(t, "/a")
	v.Is("opened, left", openers+`
		click(a, {ctrlKey: true}); click(a, {metaKey: true}); click(a, {shiftKey: true}); click(a, {altKey: true}); click(c);
		a.dispatchEvent(new MouseEvent("auxclick", {bubbles: true, cancelable: true, button: 1}));
		return [await opened(), left]`, `[0, ["a", "a", "a", "a", "c"]]`)
}

// elements are those of pages that are made of components: what is clicked stands in a shadow
// root of its own.
const elements = `
	const inside = (at) => { const x = document.createElement("x-b"); at.append(x); const b = document.createElement("b"); x.attachShadow({mode: "open"}).append(b); return b; };
	document.body.insertAdjacentHTML("beforeend", '<x-a data-temoin-open></x-a><a href="/.temoin/?lang=en#services"></a>');
	const own = document.querySelector("x-a"), link = own.nextSibling;
	const outer = document.body.appendChild(document.createElement("x-c")).attachShadow({mode: "open"});
	const button = outer.appendChild(document.createElement("button"));
	button.dataset.temoinOpen = "";`

func TestAnOpenerIsFoundAroundTheShadowRootThatIsClickedIn(t *testing.T) {
	s := start(t)
	v := s.Open(t, "/a")
	v.Is("opened, left", openers+elements+`for (const at of [own, link, button]) click(inside(at)); return [await opened(), left]`, `[3, []]`)
}

func TestAPageThatStopsClicksStopsNoOpener(t *testing.T) {
	s := start(t)
	v := s.Open(t, "/a")
	v.Is("opened", openers+`document.addEventListener("click", (e) => e.stopPropagation(), true); click(a); click(b); return await opened()`, `2`)
}

func TestABaseOfThePageLeadsNothingElsewhere(t *testing.T) {
	s := start(t)
	s.Head = s.Words.Replace(`<base href="http://other.localhost:$PORT/">`)
	v := s.with("analytics")
	s.visit(v, "/a?x=1")
	v.Is("opened", `document.body.insertAdjacentHTML("beforeend", '<a id=a href="/.temoin/">Cookies</a>'); a.click(); await import(temoin.p + temoin.v); await fetch(location.origin + "/.temoin/none"); return window.opened`, `1`)
	// What holds is asked at the site, and the page is loaded again there.
	s.Keep(v, "")
	v.Run(`document.dispatchEvent(new Event("visibilitychange", {bubbles: true}))`)
	s.until("/a", madeFor(refused))
	s.Keep(v, "analytics")
	v.Run(`temoin.m = "analytics=1"; await import(temoin.p + temoin.v); Object.defineProperty(performance, "navigation", {value: {type: 1}}); temoin.h()`)
	v.Until(`location.search.includes("temoin=") && temoin.choice`)
	v.Is("where it is", `return location.origin + location.pathname + location.search.replace(/[0-9]+$/, "")`, s.Words.Replace(`"http://site.localhost:$PORT/a?x=1&temoin="`))
	for _, at := range s.Take("other.localhost") {
		if strings.Contains(at, "temoin") {
			t.Errorf("%s was asked for", at)
		}
	}
}

func TestALinkIsFollowedWhereThePreferenceCentreCannotBeLoaded(t *testing.T) {
	s := start(t)
	s.Answer("/.temoin/centre.js", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusServiceUnavailable)
	})
	s.Answer("/.temoin/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!DOCTYPE html><script>fetch("/shown?path=" + location.pathname)</script>`)
	})
	v := s.Open(t, "/first")
	for _, how := range []string{"document.querySelector('a').click()", "document.querySelector('button').click()", "temoin.open()"} {
		s.visit(v, "/a")
		v.Run(`document.body.insertAdjacentHTML("beforeend", '<a href="/.temoin/">Cookies</a><button data-temoin-open>Cookies</button>'); ` + how)
		s.until("/.temoin/", fresh)
	}
}
