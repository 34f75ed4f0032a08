package basetest

import (
	"net/http"
	"testing"

	"github.com/temoin/temoin/internal/browsertest"
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
	tab := browsertest.Open(t)
	s.open(tab, "/a")
	s.fresh("/a")
	got := browsertest.Evaluate[string](tab, `(async () => {`+openers+`
		click(a); click(inner); click(b); click(shadow); temoin.open();
		return await opened() + " " + left;
	})()`)
	if got != "5 " {
		t.Errorf("opened, left: %q", got)
	}
}

func TestAClickThatMeansSomethingElseIsLeftToTheBrowser(t *testing.T) {
	s := start(t)
	tab := browsertest.Open(t)
	s.open(tab, "/a")
	s.fresh("/a")
	got := browsertest.Evaluate[string](tab, `(async () => {`+openers+`
		click(a, {ctrlKey: true}); click(a, {metaKey: true}); click(a, {shiftKey: true}); click(a, {altKey: true}); click(c);
		a.dispatchEvent(new MouseEvent("auxclick", {bubbles: true, cancelable: true, button: 1}));
		return await opened() + " " + left;
	})()`)
	if got != "0 a,a,a,a,c" {
		t.Errorf("opened, left: %q", got)
	}
}

func TestALinkIsFollowedWhereThePreferenceCentreCannotBeLoaded(t *testing.T) {
	s := start(t, func(s *site) {
		s.Extra = func(w http.ResponseWriter, r *http.Request) bool {
			switch r.URL.Path {
			case "/.temoin/centre.js":
				http.Error(w, "no", http.StatusServiceUnavailable)
			case "/.temoin/":
				s.page(w, r)
			default:
				return false
			}
			return true
		}
	})
	tab := browsertest.Open(t)
	for _, how := range []string{"document.querySelector('a').click()", "document.querySelector('button').click()", "temoin.open()"} {
		s.open(tab, "/a")
		s.fresh("/a")
		browsertest.Evaluate[string](tab, `document.body.insertAdjacentHTML("beforeend", '<a href="/.temoin/">Cookies</a><button data-temoin-open>Cookies</button>'), `+how+`, ""`)
		s.until(how, func(p shown) bool { return p.Path == "/.temoin/" })
	}
}
