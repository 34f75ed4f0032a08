package gatetest

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/notice/noticetest"
)

// cookies returns the names of the cookies that the browser keeps for the shop.
func cookies(t *testing.T, v *noticetest.Visit) string {
	t.Helper()
	var list []*network.Cookie
	v.Do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		got, err := cdp.Call(ctx, tab, network.GetCookies, network.GetCookiesParams{})
		list = got.Cookies
		return err
	}))
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

// withoutScripts has the browser run no script of a page from now on.
func TestNobodyIsAskedForAnythingBeforeAChoice(t *testing.T) {
	t.Parallel()
	s := start(t, "", (*site).shop)
	v := s.Open(t, "/")
	v.Until(`part('notice') && document.readyState == 'complete'`)
	if asked := s.asked(); asked != "" {
		t.Errorf("asked for: %s", asked)
	}
	v.Is("the frame shows a placeholder", `return document.querySelector('iframe').contentWindow.location.pathname`, `"/.temoin/placeholder/film"`)
	v.Is("the counter did not run", `return window.counter ?? null`, `null`)
	if got := cookies(t, v); got != "session" {
		t.Errorf("the browser keeps %s", got)
	}
	v.Quiet()
}

func TestWhatWasHeldLoadsAfterAYes(t *testing.T) {
	t.Parallel()
	s := start(t, "", (*site).shop)
	v := s.Open(t, "/")
	v.Run(`press('accept')`)
	s.Wait("counter.localhost/first.js", "counter.localhost/second.js", "counter.localhost/src.gif", "counter.localhost/inline.gif", "counter.localhost/style.gif",
		"counter.localhost/svg.gif", "counter.localhost/import.css", "film.localhost/film.css", "film.localhost/film.html", "film.localhost/poster.gif")
	v.Until(`window.counter?.length == 1 && log.includes('first.js') && log.includes('second.js')`)
	v.Is("in order", `return log.indexOf('first.js') < log.indexOf('second.js')`, `true`)
	s.Take("")
	v.Go("/next")
	v.Is("the next page is the site's own", `return document.querySelector('script[src*="first.js"]').outerHTML`, `"<script src=\"http://counter.localhost:$PORT/first.js\"></script>"`)
	s.Wait("counter.localhost/first.js", "film.localhost/film.html", "counter.localhost/hinted.js")
	if got := cookies(t, v); !strings.Contains(got, "seen") {
		t.Errorf("the browser keeps %s", got)
	}
	v.Quiet()
}

func TestAWithdrawalRemovesCookiesThatNoScriptSees(t *testing.T) {
	t.Parallel()
	s := start(t, "", (*site).shop)
	v := s.Open(t, "/")
	v.Run(`press('accept')`)
	v.Until(`temoin.allows('stats')`)
	v.Go("/app/next")
	if got := cookies(t, v); !strings.Contains(got, "seen") {
		t.Fatalf("the browser keeps %s", got)
	}
	v.Run(`const r = await fetch('/.temoin/choice', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({action: 'withdraw', notice: new DOMParser().parseFromString(await (await fetch('/.temoin/')).text(), 'text/html').querySelector('[name=notice]').value})}); if (!r.ok) throw await r.text()`)
	s.Take("")
	v.Go("/app/") // which alone is sent what was set there
	if got := cookies(t, v); strings.Contains(got, "seen") {
		t.Errorf("the browser keeps %s", got)
	}
	v.Until(`document.readyState == 'complete'`)
	if asked := s.asked(); asked != "" {
		t.Errorf("asked for: %s", asked)
	}
}

func TestAllOfItWorksWithoutScripts(t *testing.T) {
	t.Parallel()
	s := start(t, "", (*site).shop)
	v := s.Open(t, "/.temoin/")
	v.Scripts(false)
	v.Go("/")
	if asked := s.asked(); asked != "" {
		t.Errorf("asked for: %s", asked)
	}
	v.Run(`press('accept')`)
	s.Wait("counter.localhost/src.gif", "film.localhost/film.html")
	v.Is("the page says that it was kept", `return !!part('saved')`, `true`)
}

func TestBackAndForwardShowWhatHolds(t *testing.T) {
	t.Parallel()
	s := start(t, "", (*site).shop)
	v := s.Open(t, "/")
	v.Go("/two")
	v.Run(`press('accept')`)
	v.Until(`temoin.allows('stats')`)
	v.Go("/three")
	v.Run(`history.go(-2)`)
	v.Until(`location.pathname == '/' && document.readyState == 'complete' && temoin.allows('stats') && !part('accept')?.checkVisibility()`)
}

func TestTheSealStopsWhatNobodyDeclared(t *testing.T) {
	t.Parallel()
	s := start(t, "enforcement: {seal: block}\n", func(s *site, w http.ResponseWriter, _ *http.Request) {
		s.page(w, `<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,"></head><body><h1>Shop</h1>
<img alt="" src="http://surprise.localhost:$PORT/a.gif"><img alt="" src="http://static.shop.localhost:$PORT/own.gif"><img alt="" src="http://counter.localhost:$PORT/b.gif">
<script>document.body.dataset.inline = 'ran'</script></body></html>`)
	})
	v := s.Open(t, "/")
	s.Wait("static.shop.localhost/own.gif")
	v.Run(`press('accept')`)
	s.Wait("counter.localhost/b.gif") // the page is loaded again
	v.Until(`document.readyState == 'complete' && document.body.dataset.inline == 'ran'`)
	if asked := s.asked(); strings.Contains(asked, "surprise") {
		t.Errorf("asked for: %s", asked)
	}
}

func TestACacheablePageIsReleasedInTheBrowser(t *testing.T) {
	t.Parallel()
	s := start(t, "enforcement: {cacheable: true}\n", func(s *site, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=600")
		s.page(w, everything)
	})
	v := s.Open(t, "/")
	v.Until(`part('accept')?.checkVisibility() && document.readyState == 'complete'`)
	if asked := s.asked(); asked != "" {
		t.Errorf("asked for: %s", asked)
	}
	v.Run(`press('accept')`)
	s.Wait("counter.localhost/first.js", "counter.localhost/second.js", "film.localhost/film.html")
	s.Take("")
	v.Go("/") // as the browser has kept it
	s.Wait("counter.localhost/first.js", "counter.localhost/second.js", "film.localhost/film.html", "counter.localhost/src.gif")
	v.Is("nobody is asked again", `return !!part('accept')?.checkVisibility()`, `false`)
	v.Quiet()
}

func TestAPageUnderAStrictPolicyOfItsOwnHasANoticeThatWorks(t *testing.T) {
	t.Parallel()
	s := start(t, "", func(s *site, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", s.Words.Replace("default-src 'none'; img-src data: http://counter.localhost:$PORT; form-action 'none'; base-uri 'none'"))
		s.page(w, `<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,"></head><body><h1>Shop</h1><img alt="" src="http://counter.localhost:$PORT/b.gif"></body></html>`)
	})
	v := s.Open(t, "/")
	v.Until(`part('accept')?.checkVisibility()`)
	v.Run(`press('accept')`)
	s.Wait("counter.localhost/b.gif")
	v.Until(`!part('accept')?.checkVisibility()`)
	v.Quiet()
}

func TestAPageIsLoadedAnewWhereAFrameworkWouldGoToOtherServices(t *testing.T) {
	t.Parallel()
	s := start(t, "  - {id: pay, name: Pay, category: needed, hosts: [pay.localhost], loads: on-use, paths: [/checkout], provider: {name: Pay SA, country: FR}, because: {en: You pay with it., fr: Vous payez avec.}, purpose: {en: Pays., fr: Paie.}}\n", func(s *site, w http.ResponseWriter, r *http.Request) {
		s.page(w, `<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,"></head><body><h1>Shop</h1><script>window.came = document.currentScript.parentNode && location.pathname</script>
<script src="http://pay.localhost:$PORT/pay.js"></script></body></html>`)
	})
	v := s.Open(t, "/")
	go1 := func(path string) { v.Run(`setTimeout(() => history.pushState({}, '', '` + path + `'))`) }
	if go1("/list"); s.asked() != "" {
		t.Errorf("asked for: %s", s.asked())
	}
	v.Is("a page of the same side is not loaded", `await new Promise(ok => setTimeout(ok)); return [location.pathname, came]`, `["/list","/"]`)
	go1("/checkout/card")
	s.Wait("pay.localhost/pay.js")
	v.Until(`window.came == '/checkout/card' && document.readyState == 'complete'`)
	s.Take("")
	go1("/checkout/done")
	v.Is("nor within the other", `await new Promise(ok => setTimeout(ok)); return came`, `"/checkout/card"`)
	go1("/list")
	v.Until(`window.came == '/list' && document.readyState == 'complete'`)
	if asked := s.asked(); asked != "" {
		t.Errorf("behind the checkout asked for: %s", asked)
	}
	v.Run(`setTimeout(() => history.back())`)
	v.Until(`window.came == '/checkout/done' || window.came == '/checkout/card'`)
	s.Wait("pay.localhost/pay.js")
}

func TestAVendorFindsItsConsentBeforeItsScriptComes(t *testing.T) {
	t.Parallel()
	s := start(t, "  - {use: google-analytics, category: stats}\n", func(s *site, w http.ResponseWriter, r *http.Request) {
		s.page(w, `<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,"></head><body><h1>Shop</h1>
<script>window.dataLayer ??= []; window.found = JSON.stringify([...dataLayer].map(a => [...a].slice(0, 2)))</script>
<script src="https://www.googletagmanager.com/gtag/js?id=G-1" onerror="window.tag = JSON.stringify([...dataLayer].map(a => [a[0], a[1], a[2]?.analytics_storage]))"></script></body></html>`)
	})
	v := s.Open(t, "/")
	v.Is("nobody is told anything while nobody can listen", `return found`, `"[]"`)
	v.Run(`press('accept')`)
	v.Until(`window.tag`)
	v.Is("the tag finds what was chosen", `return JSON.parse(tag)[0]`, `["consent","default","granted"]`)
	v.Go("/next")
	v.Is("and on the next page before all else", `return JSON.parse(found)[0]`, `["consent","default"]`)
}

func TestAVisitorWhoSignsInIsToldWhatApplies(t *testing.T) {
	t.Parallel()
	s := startFollowing(t, func(s *site, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "ann", Path: "/", HttpOnly: true})
			w.Header().Set("Temoin-Subject", "ann")
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		s.page(w, `<!doctype html><html lang="`+cmp.Or(r.URL.Query().Get("lang"), "en")+`"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Shop</title><link rel="icon" href="data:,"></head><body><h1>Shop</h1><p>Text</p></body></html>`)
	})
	v := s.Open(t, "/login")
	v.Run(`press('accept')`)
	v.Until(`temoin.allows('stats')`)
	v.Do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error { // another device
		_, err := cdp.Call(ctx, tab, network.ClearBrowserCookies, cdp.Empty{})
		return err
	}))
	v.Go("/login")
	v.Until(`part('arrived')?.checkVisibility() && temoin.allows('stats')`)
	v.Is("it takes no focus", `return document.activeElement == document.body`, `true`)
	v.Screenshot("arrived")
	for _, look := range []struct {
		name, lang, scheme string
		width              int64
	}{{"arrived-dark", "fr", "dark", 1000}, {"arrived-360", "fr", "light", 360}} {
		v.Look(look.width, look.scheme)
		v.Screenshot(look.name)
	}
	v.Run(`part('arrived').querySelector('[part=close]').click()`)
	v.Is("it closes", `return part('arrived').checkVisibility()`, `false`)
	v.Go("/next")
	v.Is("it is said once", `return !!part('arrived')`, `false`)
	v.Do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, network.ClearBrowserCookies, cdp.Empty{})
		return err
	}))
	v.Go("/login")
	v.Run(`setTimeout(() => part('arrived').querySelector('[value=device]').click())`)
	v.Until(`part('accept')?.checkVisibility()`)
	v.Is("this device is asked for itself", `return temoin.allows('stats')`, `false`)
	v.Quiet()
}

func TestAClickShowsAFrameOnceUnderASealThatBlocks(t *testing.T) {
	t.Parallel()
	s := start(t, "enforcement: {seal: block}\n", (*site).shop)
	v := s.Open(t, "/")
	v.Until(`part('accept') && document.querySelector('iframe').contentDocument?.querySelector('a')`)
	if asked := s.asked(); asked != "" {
		t.Errorf("asked for: %s", asked)
	}
	v.Run(`[...document.querySelector('iframe').contentDocument.querySelectorAll('a')].find(a => a.href.includes('film.html')).click()`)
	s.Wait("film.localhost/film.html")
	if asked := s.asked(); strings.Contains(asked, "counter") {
		t.Errorf("asked for: %s", asked)
	}
	v.Go("/next")
	v.Until(`document.querySelector('iframe').contentDocument?.querySelector('a')`) // once is not always
}

func TestTheNoticeLeadsToTheSiteWhateverThePagesBaseIs(t *testing.T) {
	for name, scripts := range map[string]bool{"with scripts": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "", func(s *site, w http.ResponseWriter, _ *http.Request) {
				text := s.Words.Replace(`<!doctype html><html lang="en"><head><base href="http://cdn.localhost:$PORT/assets/"><title>Shop</title><link rel="icon" href="data:,"></head><body><h1>Shop</h1></body></html>`)
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				w.Header().Set("Content-Length", strconv.Itoa(len(text))) // so that it is remembered how it was rewritten
				io.WriteString(w, text)                                   //nolint:errcheck // the browser says so
			})
			v := s.Open(t, "/.temoin/")
			if !scripts {
				v.Scripts(false)
			}
			for range 3 {
				v.Go("/")
			}
			v.Is("each address", `return [...document.querySelector('temoin-notice').shadowRoot.querySelectorAll('a,form,[formaction]')].every(e => new URL(e.getAttribute('formaction') ? e.formAction : e.localName == 'form' ? e.getAttribute('action') : e.href, 'http://shop.localhost:$PORT/').host == location.host)`, `true`)
			if scripts {
				v.Run(`part('notice').querySelector('a[href*="#services"]').click()`)
				v.Until(`part('centre')?.open`)
				v.Go("/")
			}
			v.Run(`press('accept')`)
			v.Until(`part('saved') && !part('accept')?.checkVisibility() && location.host == 'shop.localhost:$PORT' && location.pathname == '/' && temoin.choice !== ''`)
			v.Go("/")
			v.Is("the choice is kept", `return !!part('accept')?.checkVisibility()`, `false`)
			if asked := s.asked(); asked != "" {
				t.Errorf("asked for: %s", asked)
			}
			v.Quiet()
		})
	}
}
