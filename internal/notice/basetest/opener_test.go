package basetest

import (
	"fmt"
	"net/http"
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
	const opened = async () => { await import(temoin.v); await fetch("/.temoin/none"); return window.opened || 0; };`

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
		click(a, {ctrlKey: true}); click(a, {metaKey: true}); click(a, {shiftKey: true}); click(c);
		a.dispatchEvent(new MouseEvent("auxclick", {bubbles: true, cancelable: true, button: 1}));
		return [await opened(), left]`, `[0, ["a", "a", "a", "c"]]`)
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
